/** How long a wait in a test lasts by default, in milliseconds. It is generous, because two busy cores can be slow. */
export const DEFAULT_DEADLINE_MS = 30_000;

/** A wait in a test took too long. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Waits for a promise, but not longer than a deadline.
 *
 * @param what completes the sentence "waited N ms for …"; a function is called when the time is over
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
 * Calls a function again and again until its answer is neither `undefined` nor `false`. It is for states that no event
 * announces.
 *
 * @param what completes the sentence "waited N ms for …"
 * @param probe a rejection counts as "not yet", and the last one becomes the cause of the {@link DeadlineError}
 * @throws DeadlineError
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
