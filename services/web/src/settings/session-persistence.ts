/** Where the messages of a session are kept. */
export type sessionPersistenceType = 'localStorage' | 'redis' | 'none';

export const DEFAULT_SESSION_PERSISTENCE: sessionPersistenceType = 'localStorage';

interface Persistence {
  /** Name in the setting and on the session's chip. */
  readonly label: string;
  readonly explanation: string;
}

export const SESSION_PERSISTENCE: Record<sessionPersistenceType, Persistence> = {
  localStorage: { label: 'localStorage', explanation: 'Messages kept in this browser only' },
  redis: { label: 'Redis', explanation: 'Sessions stored in Redis with TTL' },
  none: { label: 'none', explanation: 'Nothing is kept: a reload begins anew' },
};

export function isSessionPersistence(value: unknown): value is sessionPersistenceType {
  return typeof value === 'string' && Object.hasOwn(SESSION_PERSISTENCE, value);
}

/** The last two arguments of `useWebSocket` for a persistence. */
export function persistenceArguments(persistence: sessionPersistenceType) {
  return { persistMessages: persistence !== 'none', redisPersistence: persistence === 'redis' };
}
