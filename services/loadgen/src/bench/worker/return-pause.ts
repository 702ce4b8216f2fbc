import type { Refusal } from './frame-socket.js';

/** The defaults of libs/client. */
const BASE_MS = 1_000;
const MAX_MS = 30_000;

/**
 * How long a member waits before it tries again: as libs/client, exponentially with full jitter; not before a refusal
 * says so, and then spread over as long again, so that those that were refused together do not come together.
 *
 * @param failures attempts that had failed before this one
 * @returns milliseconds
 */
export function returnPauseMs(failures: number, refusal: Refusal | undefined, random: () => number): number {
  const retryAfterMs = refusal?.retryAfterMs;
  if (retryAfterMs !== undefined) return retryAfterMs * (1 + random());
  return random() * Math.min(MAX_MS, BASE_MS * 2 ** Math.min(failures, 30));
}
