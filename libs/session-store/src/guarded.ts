import { StorageUnavailableError } from './port.js';

/**
 * Answers of a Redis that is there and works; every other error means it cannot store now. A key that is not local is
 * one of a slot on the move (A7).
 */
const REFUSALS = /^(ERR|WRONGTYPE|NOPERM)\b(?!.* non local key )/;

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError' && REFUSALS.test(error.message);
}

/** Runs a command, and tells a store that is away from a command that is wrong. @throws {StorageUnavailableError} */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (isRefusal(error)) throw error;
    throw new StorageUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
