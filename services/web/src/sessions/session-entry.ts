import { isSessionId } from '@holdfast/protocol';
import {
  DEFAULT_SESSION_PERSISTENCE,
  isSessionPersistence,
  type sessionPersistenceType,
} from '../settings/session-persistence.js';

/** A session in this browser's list. */
export interface SessionEntry {
  readonly id: string;
  readonly persistence: sessionPersistenceType;
}

/** What the page remembers between visits. */
export interface PageState {
  readonly persistence: sessionPersistenceType;
  /** Newest first. */
  readonly sessions: readonly SessionEntry[];
}

/** Reads what an earlier visit has stored, perhaps with an earlier release. */
export function readPageState(stored: object | undefined): PageState {
  const { persistence, sessions } = (stored ?? {}) as Record<string, unknown>;
  return {
    persistence: isSessionPersistence(persistence) ? persistence : DEFAULT_SESSION_PERSISTENCE,
    sessions: Array.isArray(sessions) ? sessions.filter(isSessionEntry) : [],
  };
}

/**
 * Puts a session with the chosen persistence first in the list. A session that is in the list already takes that
 * persistence.
 */
export function addSession(state: PageState, id: string): PageState {
  const others = state.sessions.filter((session) => session.id !== id);
  return { ...state, sessions: [{ id, persistence: state.persistence }, ...others] };
}

export function removeSession(state: PageState, id: string): PageState {
  return { ...state, sessions: state.sessions.filter((session) => session.id !== id) };
}

/** Makes a short id that nobody can guess: whoever knows a session's id can read it. It has 62 random bits. */
export function generateSessionId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  // 252 is a multiple of 36, so every character is equally likely.
  const bytes = [...crypto.getRandomValues(new Uint8Array(64))].filter((byte) => byte < 252);
  return `chat-${bytes
    .slice(0, 12)
    .map((byte) => letters[byte % letters.length])
    .join('')}`;
}

function isSessionEntry(value: unknown): value is SessionEntry {
  const { id, persistence } = (value ?? {}) as Record<string, unknown>;
  return isSessionId(id) && isSessionPersistence(persistence);
}
