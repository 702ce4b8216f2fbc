/**
 * Everything that the test kit has started and not ended yet. Whatever starts something registers it here, so that one
 * `afterAll(stopAll)` ends what a failing test has left. It ends only what this process has started.
 */
const running = new Map<symbol, { name: string; stop: () => Promise<unknown> }>();

/**
 * Registers a part that {@link stopAll} will end.
 *
 * @param name of the part, for messages
 * @param stop ends the part; it may be called after the part has ended by itself
 * @returns removes the registration
 */
export function registerCleanup(name: string, stop: () => Promise<unknown>): () => void {
  const key = Symbol(name);
  running.set(key, { name, stop });
  return () => {
    running.delete(key);
  };
}

/** Names of all registered parts. */
export function runningParts(): string[] {
  return [...running.values()].map((part) => part.name);
}

/**
 * Ends all registered parts, the newest first. If one fails, the others are ended all the same.
 *
 * @throws AggregateError with all failures
 */
export async function stopAll(): Promise<void> {
  const failures: unknown[] = [];
  for (const [key, part] of [...running].reverse()) {
    try {
      await part.stop();
    } catch (error) {
      failures.push(new Error(`${part.name} did not stop`, { cause: error }));
    }
    running.delete(key);
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} parts did not stop`);
}
