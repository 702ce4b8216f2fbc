import { isCommandRefused } from '@holdfast/redis-client';
import { StorageUnavailableError } from './port.js';

/** Runs a command, and tells a store that is away from a command that is wrong. @throws {StorageUnavailableError} */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (isCommandRefused(error)) throw error;
    throw new StorageUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
