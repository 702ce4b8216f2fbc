import { cannotWriteNow, isCommandRefused, isRaisedInScript } from '@holdfast/redis-client';
import { OutcomeUnknownError, StorageUnavailableError } from './storage-errors.js';

/**
 * Runs a command, and tells a store that is away from a command that is wrong.
 *
 * @throws {StorageUnavailableError}
 */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof OutcomeUnknownError || isCommandRefused(error)) throw error;
    throw new StorageUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/**
 * {@link guarded} for a script that writes.
 *
 * @throws {OutcomeUnknownError} when the script failed while it ran, because what it had written by then stays written
 * @throws {StorageUnavailableError}
 */
export function guardedWrite<T>(run: () => Promise<T>): Promise<T> {
  return guarded(() =>
    run().catch((error: unknown) => {
      // A Redis that is full is an outage: whoever waits for its end gives no message up for it (D1).
      if (isRaisedInScript(error) && !cannotWriteNow(error))
        throw new OutcomeUnknownError(error.message, { cause: error });
      throw error;
    }),
  );
}
