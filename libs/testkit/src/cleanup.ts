/**
 * What the test kit has started and not yet ended. Each starter registers here, so that one `afterAll(stopAll)` ends
 * what a failing test left behind, and nothing else: only what this module's process started.
 */
const running = new Map<symbol, { name: string; stop: () => Promise<unknown> }>();

/**
 * Registers something to be ended by {@link stopAll}.
 *
 * @param stop ends it for good; may be called although it has ended by itself
 * @returns forgets the registration
 */
export function registerCleanup(name: string, stop: () => Promise<unknown>): () => void {
  const key = Symbol(name);
  running.set(key, { name, stop });
  return () => {
    running.delete(key);
  };
}

/** Names of what is registered and running. */
export function runningParts(): string[] {
  return [...running.values()].map((part) => part.name);
}

/**
 * Ends everything registered, the newest first, going on after a failure.
 *
 * @throws AggregateError with every failure
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
