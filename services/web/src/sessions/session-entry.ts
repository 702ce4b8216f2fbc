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

/** What the page remembers. */
export interface PageState {
  readonly persistence: sessionPersistenceType;
  /** Newest first. */
  readonly sessions: readonly SessionEntry[];
}

/** Reads what an earlier page, perhaps of an earlier release, has stored. */
export function readPageState(stored: unknown): PageState {
  const { persistence, sessions } = (stored ?? {}) as Record<string, unknown>;
  return {
    persistence: isSessionPersistence(persistence) ? persistence : DEFAULT_SESSION_PERSISTENCE,
    sessions: Array.isArray(sessions) ? sessions.filter(isSessionEntry) : [],
  };
}

/**
 * Adds a session with the persistence that is set, in front; one that is there already is kept that way from now on.
 */
export function addSession(state: PageState, id: string): PageState {
  const others = state.sessions.filter((session) => session.id !== id);
  return { ...state, sessions: [{ id, persistence: state.persistence }, ...others] };
}

export function removeSession(state: PageState, id: string): PageState {
  return { ...state, sessions: state.sessions.filter((session) => session.id !== id) };
}

/** A short id nobody else will come upon: 62 random bits, because who knows a session's id can read it. */
export function generateSessionId(): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  // 252 is a multiple of 36: each letter is as likely as any other.
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
