import type { StoredSession } from '@holdfast/session-store';
import { Type } from 'typebox';

/** Seconds until Redis drops the session, rounded as its TTL command does; -1 when it has no expiry. */
export function remainingTtl(session: StoredSession): number {
  return session.remainingMs < 0 ? -1 : Math.round(session.remainingMs / 1000);
}

/** A session as the original guides show it: the product's fields and the caller's side by side in `data.data`. */
export const SessionObject = Type.Object({
  data: Type.Object(
    {
      count: Type.Integer(),
      last_activity: Type.Number({ description: 'Unix seconds' }),
      disconnected_at: Type.Optional(Type.Number({ description: 'Unix seconds; only while nobody is connected' })),
    },
    { additionalProperties: true },
  ),
  created_at: Type.Number({ description: 'Unix seconds' }),
  ttl: Type.Integer({ description: 'seconds the session lives after its last activity' }),
  remaining_ttl: Type.Integer({ description: 'seconds until it expires' }),
});

/** Builds {@link SessionObject}. */
export function sessionObject(session: StoredSession) {
  const { count, lastActivity, disconnectedAt, custom, createdAt, ttl } = session;
  const disconnected = disconnectedAt === undefined ? {} : { disconnected_at: disconnectedAt };
  return {
    data: { count, last_activity: lastActivity, ...disconnected, ...custom },
    created_at: createdAt,
    ttl,
    remaining_ttl: remainingTtl(session),
  };
}

export const SessionRow = Type.Object({
  session_id: Type.String(),
  count: Type.Integer(),
  last_activity: Type.Number({ description: 'Unix seconds' }),
  created_at: Type.Number({ description: 'Unix seconds' }),
  ttl: Type.Integer({ description: 'seconds' }),
  remaining_ttl: Type.Integer({ description: 'seconds' }),
});

/** Builds {@link SessionRow}: a session in a list. */
export function sessionRow(session: StoredSession) {
  return {
    session_id: session.sessionId,
    count: session.count,
    last_activity: session.lastActivity,
    created_at: session.createdAt,
    ttl: session.ttl,
    remaining_ttl: remainingTtl(session),
  };
}
