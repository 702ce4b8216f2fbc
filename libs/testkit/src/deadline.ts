/** What a wait in a test gives up after, unless told otherwise: generous, because two busy cores can be slow. */
export const DEFAULT_DEADLINE_MS = 30_000;

/** A wait of a test was not fulfilled in time. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Rejects when a promise has not settled in time.
 *
 * @param what completes the sentence "waited N ms for …"; a function is asked when the time is over
 * @throws DeadlineError
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  what: string | (() => string),
  timeoutMs = DEFAULT_DEADLINE_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new DeadlineError(`waited ${timeoutMs} ms for ${typeof what === 'string' ? what : what()}`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks again and again until the answer is something other than `undefined` or `false`: for states that nothing
 * announces. Whatever announces itself is awaited instead.
 *
 * @param probe a rejection counts as "not yet"; the last one becomes the cause of the {@link DeadlineError}
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const { timeoutMs = DEFAULT_DEADLINE_MS, everyMs = 25 } = options;
  const until = performance.now() + timeoutMs;
  let lastFailure: unknown;
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      lastFailure = undefined;
    } catch (error) {
      lastFailure = error;
    }
    if (performance.now() >= until) {
      throw new DeadlineError(`waited ${timeoutMs} ms for ${what}`, { cause: lastFailure });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
