import { expect, it } from 'vitest';
import { Histogram } from '../../histogram.js';
import { readRefusal } from './frame-socket.js';
import { returnPauseMs } from './returning-member.js';
import { Returns, sumReturns } from './returns.js';

it('reads status and Retry-After of a refusal', () => {
  expect(readRefusal('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2')).toEqual({
    status: 503,
    retryAfterMs: 2_000,
  });
  expect(readRefusal('HTTP/1.1 401 Unauthorized\r\ncontent-length: 3')).toEqual({ status: 401 });
});

it('C4, B5: waits as long as a refusal says, spread over as long again; otherwise as the client library does', () => {
  const refusal = { status: 503, retryAfterMs: 2_000 };
  expect([0, 0.5].map((random) => returnPauseMs(3, refusal, () => random))).toEqual([2_000, 3_000]);
  expect([0, 1, 9, 99].map((failures) => returnPauseMs(failures, undefined, () => 0.5))).toEqual([
    500, 1_000, 15_000, 15_000,
  ]);
});

it('adds up what several processes have seen', () => {
  const [one, other] = [new Returns(), new Returns()];
  one.came(5_000_000, 4_000_000);
  one.failed('refused');
  other.came(6_000_000, 4_000_000);
  other.failed('refused');
  const sum = sumReturns([one.report(), other.report()]);
  expect(sum).toMatchObject({ returned: 2, lastUs: 6_000_000, failed: { refused: 2 } });
  expect(new Histogram().add(sum.away).quantile(1)).toBe(2_000_000);
});
