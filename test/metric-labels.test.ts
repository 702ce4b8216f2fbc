import { CLOSE, type ErrorCode } from '@holdfast/protocol';
import type { RedisErrorKind } from '@holdfast/redis-client';
import { CLOSE_CODES, ERROR_CODES, REDIS_ERROR_KINDS } from '@holdfast/telemetry';
import { describe, expect, it } from 'vitest';

/** Written out for the compiler, which fails when one is missing here. */
const EVERY_ERROR: Record<ErrorCode, true> = {
  invalid_frame: true,
  empty_message: true,
  message_too_large: true,
  rate_limited: true,
  forbidden: true,
  unauthorized: true,
  not_stored: true,
  id_conflict: true,
  overloaded: true,
};
/** A publish that Redis refused is counted beside them (A1). */
const EVERY_REDIS_ERROR: Record<RedisErrorKind | 'unpublished', true> = {
  timeout: true,
  closed: true,
  unreachable: true,
  tls: true,
  auth: true,
  loading: true,
  memory: true,
  readonly: true,
  cluster: true,
  unpublished: true,
  reply: true,
  other: true,
};

describe('labels of metrics', () => {
  it('V11: know every code of an error frame', () => {
    expect([...ERROR_CODES].sort()).toEqual(Object.keys(EVERY_ERROR).sort());
  });

  it('know every close code', () => {
    expect(CLOSE_CODES).toEqual(expect.arrayContaining(Object.values(CLOSE).map(({ code }) => String(code))));
  });

  it('know every kind of error of Redis', () => {
    expect([...REDIS_ERROR_KINDS].sort()).toEqual(Object.keys(EVERY_REDIS_ERROR).sort());
  });
});
