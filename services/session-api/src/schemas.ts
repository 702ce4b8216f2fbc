import { SEND_ID_MAX_LENGTH, SESSION_DATA_MAX_BYTES, SESSION_ID_MAX_LENGTH, SESSION_ID_RULE } from '@holdfast/protocol';
import { type TSchema, Type } from 'typebox';

/**
 * Schemas that several routes share. The `description` of an input completes the sentence "NAME must be …", which
 * `validation.ts` answers when the input is wrong.
 */

const ID_PATTERN = '^[A-Za-z0-9._~-]+$';
const ID_CHARACTERS = 'of A-Z a-z 0-9 . _ ~ -';

/** A session's id (C2). */
export const SessionId = Type.String({
  minLength: 1,
  maxLength: SESSION_ID_MAX_LENGTH,
  pattern: `^(?!\\.{1,2}$)[A-Za-z0-9._~-]+$`,
  description: SESSION_ID_RULE,
});

/** The id of a stored session, or the beginning of one: `.` and `..` too, which earlier releases took (C2). */
export const StoredSessionId = Type.String({
  minLength: 1,
  maxLength: SESSION_ID_MAX_LENGTH,
  pattern: ID_PATTERN,
  description: `1 to ${SESSION_ID_MAX_LENGTH} characters ${ID_CHARACTERS}`,
});

/** A message's id (V20). */
export const SendId = Type.String({
  minLength: 1,
  maxLength: SEND_ID_MAX_LENGTH,
  pattern: ID_PATTERN,
  description: `1 to ${SEND_ID_MAX_LENGTH} characters ${ID_CHARACTERS}`,
});

export const SessionParams = Type.Object({ session_id: SessionId });

/** @param maxTtl `MAX_SESSION_TTL`, seconds */
export function ttlSchema(maxTtl: number) {
  return Type.Integer({
    minimum: 1,
    maximum: maxTtl,
    description: `a whole number of seconds from 1 to ${maxTtl}`,
  });
}

export const CustomData = Type.Record(Type.String(), Type.Unknown(), {
  description: `a JSON object of at most ${SESSION_DATA_MAX_BYTES} bytes, with numbers that JavaScript keeps; count, last_activity and disconnected_at are reserved`,
});

export const Failure = Type.Object(
  {
    success: Type.Literal(false),
    error: Type.String({ description: 'a sentence' }),
    code: Type.String({ description: 'a word' }),
    session_id: Type.Optional(Type.String()),
    id: Type.Optional(
      Type.String({ description: 'of a message whose outcome is unknown: send it again with this id' }),
    ),
  },
  { description: 'It failed.' },
);

/**
 * The answers of a route, by status.
 *
 * @param success what it answers when it succeeds
 * @param failures statuses of failures (H3) beside 400, 500 and 503, which every route has
 */
export function answers(success: Record<number, TSchema>, ...failures: number[]): Record<number, TSchema> {
  const all: Record<number, TSchema> = { ...success };
  for (const status of [400, ...failures, 500, 503]) all[status] ??= Failure;
  return all;
}

/** The schema of a successful answer (H2). */
export function success<T extends Record<string, TSchema>>(properties: T, description: string) {
  return Type.Object({ success: Type.Literal(true), ...properties }, { description });
}
