import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../../../scripts/setup/is-running.js';

/** Another system already runs with the same data. */
export class HomeTakenError extends Error {
  override readonly name = 'HomeTakenError';
}

/**
 * Makes sure that only one system at a time uses a folder: two Redis servers would spoil each other's files.
 *
 * @returns releases the folder
 * @throws {HomeTakenError}
 */
export function lockHome(home: string): () => void {
  mkdirSync(home, { recursive: true });
  const file = join(home, 'start.pid');
  const owner = ownerOf(file);
  if (owner !== undefined && owner !== process.pid && isNodeProcess(owner)) {
    throw new HomeTakenError(
      `Process ${owner} uses ${home} already. Stop it, or choose another folder: HOLDFAST_HOME=/some/folder npm start`,
    );
  }
  writeFileSync(file, `${process.pid}\n`);
  return () => {
    if (ownerOf(file) === process.pid) rmSync(file);
  };
}

function ownerOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    // There is no such file: nobody owns the folder.
    return undefined;
  }
}

/**
 * Whether a process runs that can be a system of ours. After a restart of the machine another program may have the
 * owner's process id; its command line tells them apart.
 */
function isNodeProcess(pid: number): boolean {
  if (!isRunning(pid)) return false;
  try {
    return /\bnode\b/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  } catch {
    // There is no /proc on this system. Refusing once too often is better than spoiling the data.
    return true;
  }
}
