/** Longest pause between two attempts to connect, in milliseconds. */
export const MAX_BACKOFF_MS = 500;

/**
 * The pause before the n-th attempt to connect (n from 1). It doubles from 50 ms up to {@link MAX_BACKOFF_MS} and is
 * spread over its upper half, so that many processes that lost Redis together do not come back together (D2).
 *
 * @param random from 0 up to 1
 * @returns whole milliseconds
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const longest = Math.min(MAX_BACKOFF_MS, 25 * 2 ** Math.min(attempt, 10));
  return Math.round(longest / 2 + (longest / 2) * random());
}
