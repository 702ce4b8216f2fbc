import { SESSION_DATA_MAX_BYTES, SESSION_DATA_MAX_DEPTH } from '@holdfast/protocol';
import {
  type CustomData,
  isSealedField,
  RESERVED_FIELDS,
  readableCustom,
  type StoredSession,
} from '@holdfast/session-store';
import { Type } from 'typebox';
import { ApiError, dataTooLarge } from './errors.js';

/** Seconds until Redis drops the session, rounded as Redis' `TTL` command does; -1 when it has no expiry. */
export function remainingTtl(session: StoredSession): number {
  return session.remainingMs < 0 ? -1 : Math.round(session.remainingMs / 1000);
}

/**
 * A session as the original guides show it: the product's fields and the custom fields stand side by side in
 * `data.data`.
 */
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
  data_error: Type.Optional(
    Type.Literal('unreadable', { description: 'some encrypted fields of data cannot be read, and are missing' }),
  ),
});

export function sessionObject(session: StoredSession) {
  const { count, lastActivity, disconnectedAt, custom, createdAt, ttl } = session;
  const disconnected = disconnectedAt === undefined ? {} : { disconnected_at: disconnectedAt };
  const readable = readableCustom(custom);
  return {
    data: { count, last_activity: lastActivity, ...disconnected, ...readable },
    created_at: createdAt,
    ttl,
    remaining_ttl: remainingTtl(session),
    ...(readable === custom ? {} : { data_error: 'unreadable' as const }),
  };
}

/** A session in a list. */
export const SessionRow = Type.Object({
  session_id: Type.String(),
  count: Type.Integer(),
  last_activity: Type.Number({ description: 'Unix seconds' }),
  created_at: Type.Number({ description: 'Unix seconds' }),
  ttl: Type.Integer({ description: 'seconds' }),
  remaining_ttl: Type.Integer({ description: 'seconds' }),
});

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

/**
 * Refuses custom data that may not be stored. Nesting is bounded because the serializer recurses into it; size is
 * bounded because every append writes the session's JSON anew.
 *
 * @param custom all custom fields that the session would have
 * @throws {ApiError} `bad_request` or `payload_too_large`
 */
export function checkCustomData(custom: CustomData, sessionId?: string): void {
  const details = sessionId === undefined ? {} : { sessionId };
  const reserved =
    RESERVED_FIELDS.find((name) => Object.hasOwn(custom, name)) ?? Object.keys(custom).find(isSealedField);
  if (reserved !== undefined) {
    throw new ApiError('bad_request', `data.${reserved} is reserved and must be left out`, details);
  }
  if (isDeeperThan(custom, SESSION_DATA_MAX_DEPTH)) {
    throw new ApiError('bad_request', `data must be nested at most ${SESSION_DATA_MAX_DEPTH} levels deep`, details);
  }
  if (Buffer.byteLength(JSON.stringify(custom)) > SESSION_DATA_MAX_BYTES) {
    throw dataTooLarge(sessionId);
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}
