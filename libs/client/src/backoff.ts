import type { Settings } from './options.js';

type BackoffSettings = Pick<Settings, 'backoffBaseMs' | 'backoffMaxMs' | 'random'>;

/** Doubling more often than this changes nothing, and the power stays finite. */
const MAX_DOUBLINGS = 30;

/**
 * How long to wait before connecting again: exponential backoff with full jitter (B5). The jitter is drawn after the
 * cap, so that clients that have all reached the cap still spread over the whole of it.
 *
 * @param attempt number of failures in a row so far, from 0
 * @returns milliseconds, 0 ≤ delay < min(backoffMaxMs, backoffBaseMs · 2^attempt)
 */
export function backoffDelay(attempt: number, settings: BackoffSettings): number {
  const { backoffBaseMs, backoffMaxMs, random } = settings;
  return random() * Math.min(backoffMaxMs, backoffBaseMs * 2 ** Math.min(attempt, MAX_DOUBLINGS));
}
