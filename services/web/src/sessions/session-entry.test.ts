import { isSessionId } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { addSession, generateSessionId, type PageState, readPageState, removeSession } from './session-entry.js';

const state: PageState = {
  persistence: 'redis',
  sessions: [
    { id: 'a', persistence: 'localStorage' },
    { id: 'b', persistence: 'redis' },
  ],
};

describe('the list of sessions', () => {
  it('begins empty, with localStorage as the default persistence', () => {
    expect(readPageState(undefined)).toEqual({ persistence: 'localStorage', sessions: [] });
  });

  it('reads what was stored, and passes over what it does not know', () => {
    expect(readPageState(JSON.parse(JSON.stringify(state)))).toEqual(state);
    const odd = { persistence: 'elsewhere', sessions: [null, { id: 'no spaces', persistence: 'redis' }, { id: 'c' }] };
    expect(readPageState(odd)).toEqual({ persistence: 'localStorage', sessions: [] });
  });

  it('C2: passes over . and .., which an earlier release kept', () => {
    const entry = (id: string) => ({ id, persistence: 'redis' });
    const stored = { persistence: 'redis', sessions: ['.', '..', '...'].map(entry) };
    expect(readPageState(stored).sessions).toEqual([entry('...')]);
  });

  it('adds a session with the persistence that is set', () => {
    expect(addSession(state, 'c').sessions[0]).toEqual({ id: 'c', persistence: 'redis' });
  });

  it('keeps a session that is added again once, with the persistence that is set now', () => {
    expect(addSession(state, 'a').sessions).toEqual([
      { id: 'a', persistence: 'redis' },
      { id: 'b', persistence: 'redis' },
    ]);
  });

  it('removes one', () => {
    expect(removeSession(state, 'a').sessions.map(({ id }) => id)).toEqual(['b']);
  });

  it('C2: generates ids that may name a session', () => {
    const ids = Array.from({ length: 50 }, generateSessionId);
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect([id, isSessionId(id), id.length]).toEqual([id, true, 17]);
  });
});
