import type { BroadcastFrame } from '@holdfast/protocol';
import ArrowBackIcon from '@mui/icons-material/ArrowBack';
import AppBar from '@mui/material/AppBar';
import Box from '@mui/material/Box';
import Button from '@mui/material/Button';
import IconButton from '@mui/material/IconButton';
import Toolbar from '@mui/material/Toolbar';
import Typography from '@mui/material/Typography';
import { useCallback, useRef, useState } from 'react';
import { signOut, useAccess } from './access/access.js';
import { SignIn } from './access/sign-in.js';
import { BroadcastBanner } from './broadcast-banner.js';
import { ChatPanel } from './chat/chat-panel.js';
import type { SessionSummary } from './chat/session-summary.js';
import { NoSession } from './no-session.js';
import { useSelectedSession } from './selected-session.js';
import { AddSessionForm } from './sessions/add-session-form.js';
import { addSession, readPageState, removeSession } from './sessions/session-entry.js';
import { SessionList } from './sessions/session-list.js';
import { SettingsPanel } from './settings/settings-panel.js';
import { StorageNotice } from './storage-notice.js';
import { useStoredState } from './stored-state.js';

/**
 * How many sessions stay connected while the reader looks at one of them. Beyond it sessions are closed that lose nothing
 * by it: a session that keeps nothing stays open, and so does one with messages that are not sent.
 */
const OPEN_MAX = 8;

export function App() {
  const [state, setState] = useStoredState('holdfast-web:state', readPageState);
  const [selected, select] = useSelectedSession();
  /** Connected sessions. The one that was looked at last comes first. */
  const [recent, setRecent] = useState<readonly string[]>(selected === undefined ? [] : [selected]);
  const [summaries, setSummaries] = useState<ReadonlyMap<string, SessionSummary>>(new Map());
  /** Whether a narrow screen, which has room for one of the two, shows the list and not the chat. */
  const [isListShown, setListShown] = useState(selected === undefined);

  const access = useAccess();
  const mustSignIn = access.isAsked && access.token === undefined;

  const current = state.sessions.find(({ id }) => id === selected);
  const open = state.sessions.filter(({ id }) => recent.includes(id));

  const show = (id: string) => {
    select(id);
    const isBusy = (other: string) =>
      summaries.get(other)?.hasUnsent ||
      state.sessions.some((entry) => entry.id === other && entry.persistence === 'none');
    const order = [id, ...recent.filter((other) => other !== id)];
    setRecent(order.filter((other, place) => place < OPEN_MAX || isBusy(other)));
    setListShown(false);
  };
  const add = (id: string) => {
    setState((before) => addSession(before, id));
    show(id);
  };
  const remove = (id: string) => {
    setState((before) => removeSession(before, id));
    setRecent(recent.filter((other) => other !== id));
    if (selected !== id) return;
    select(undefined);
    setListShown(true);
  };
  const [broadcast, setBroadcast] = useState<BroadcastFrame>();
  /** Ids of the broadcasts that were shown. Every open session hears each of them. */
  const heard = useRef(new Set<string | undefined>());
  const onBroadcast = useCallback((frame: BroadcastFrame) => {
    if (heard.current.has(frame.id)) return;
    heard.current.add(frame.id);
    setBroadcast(frame);
  }, []);
  const onSummary = useCallback((id: string, summary: SessionSummary | undefined) => {
    setSummaries((before) => {
      const after = new Map(before);
      if (summary) after.set(id, summary);
      else after.delete(id);
      return after;
    });
  }, []);

  return (
    <Box sx={{ height: '100dvh', display: 'flex', flexDirection: 'column' }}>
      <AppBar position="static" elevation={0}>
        <Toolbar variant="dense">
          {!isListShown && !mustSignIn && (
            <IconButton
              edge="start"
              color="inherit"
              aria-label="Back to sessions"
              onClick={() => setListShown(true)}
              sx={{ display: { md: 'none' }, mr: 1 }}
            >
              <ArrowBackIcon />
            </IconButton>
          )}
          <Typography component="h1" variant="h6" sx={{ fontWeight: 700 }}>
            WebSocket Chat
          </Typography>
          {access.isAsked && !mustSignIn && (
            <Button color="inherit" onClick={signOut} sx={{ ml: 'auto' }}>
              Sign out
            </Button>
          )}
        </Toolbar>
      </AppBar>
      <StorageNotice />
      {broadcast && <BroadcastBanner broadcast={broadcast} onClose={() => setBroadcast(undefined)} />}
      {mustSignIn ? (
        <SignIn problem={access.problem} />
      ) : (
        <Box sx={{ flex: 1, minHeight: 0, display: 'flex' }}>
          <Box
            component="aside"
            aria-label="Sessions and settings"
            sx={{
              width: { xs: '100%', md: 360 },
              display: { xs: isListShown ? 'flex' : 'none', md: 'flex' },
              flexDirection: 'column',
              flexShrink: 0,
              gap: 2.5,
              p: 2,
              overflowY: 'auto',
              borderRight: { md: 1 },
              borderColor: { md: 'divider' },
            }}
          >
            <AddSessionForm onAdd={add} />
            <SessionList
              sessions={state.sessions}
              selected={selected}
              open={recent}
              summaries={summaries}
              onSelect={show}
              onRemove={remove}
            />
            <SettingsPanel
              persistence={state.persistence}
              onChange={(persistence) => setState((before) => ({ ...before, persistence }))}
            />
          </Box>
          <Box
            component="main"
            sx={{ flex: 1, minWidth: 0, display: { xs: isListShown ? 'none' : 'flex', md: 'flex' } }}
          >
            {open.map((entry) => (
              <ChatPanel
                key={`${entry.id} ${entry.persistence}`}
                entry={entry}
                isShown={entry.id === selected}
                onSummary={onSummary}
                onBroadcast={onBroadcast}
              />
            ))}
            {!current && <NoSession />}
          </Box>
        </Box>
      )}
    </Box>
  );
}
