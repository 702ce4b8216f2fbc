import { describe, expect, it } from 'vitest';
import {
  DEFAULT_SESSION_PERSISTENCE,
  persistenceArguments,
  SESSION_PERSISTENCE,
  type sessionPersistenceType,
} from './session-persistence.js';

describe('session persistence', () => {
  it('has the values and the default of the original guides', () => {
    const sessionPersistence: sessionPersistenceType = DEFAULT_SESSION_PERSISTENCE;
    expect(sessionPersistence).toBe('localStorage');
    expect(Object.keys(SESSION_PERSISTENCE)).toEqual(['localStorage', 'redis', 'none']);
    expect(SESSION_PERSISTENCE.redis).toEqual({ label: 'Redis', explanation: 'Sessions stored in Redis with TTL' });
  });

  it('S1: stores on the server with redis only, and keeps nothing at all with none', () => {
    expect(persistenceArguments('redis')).toEqual({ persistMessages: true, redisPersistence: true });
    expect(persistenceArguments('localStorage')).toEqual({ persistMessages: true, redisPersistence: false });
    expect(persistenceArguments('none')).toEqual({ persistMessages: false, redisPersistence: false });
  });
});
