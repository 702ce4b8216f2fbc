import { SESSION_DATA_MAX_BYTES, SESSION_DATA_MAX_DEPTH } from '@holdfast/protocol';
import { type CustomData, RESERVED_FIELDS } from '@holdfast/session-store';
import { ApiError } from './errors.js';

/**
 * Refuses what may not be stored as a session's data. A bound on nesting keeps the serializer's recursion bounded;
 * one on size keeps appends fast, for each of them writes the session's JSON anew.
 *
 * @throws {ApiError} `bad_request` or `payload_too_large`
 */
export function checkCustomData(custom: CustomData, sessionId?: string): void {
  const details = sessionId === undefined ? {} : { sessionId };
  const reserved = RESERVED_FIELDS.find((name) => Object.hasOwn(custom, name));
  if (reserved !== undefined) {
    throw new ApiError('bad_request', `data.${reserved} is reserved and must be left out`, details);
  }
  if (isDeeperThan(custom, SESSION_DATA_MAX_DEPTH)) {
    throw new ApiError('bad_request', `data must be nested at most ${SESSION_DATA_MAX_DEPTH} levels deep`, details);
  }
  if (Buffer.byteLength(JSON.stringify(custom)) > SESSION_DATA_MAX_BYTES) {
    throw new ApiError(
      'payload_too_large',
      `data must be at most ${SESSION_DATA_MAX_BYTES} bytes of JSON, together with what the session holds`,
      details,
    );
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}
