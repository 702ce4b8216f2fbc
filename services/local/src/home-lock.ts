import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another system runs with the same data. */
export class HomeTakenError extends Error {
  override readonly name = 'HomeTakenError';
}

/**
 * Makes sure that one system at a time uses a folder: two Redis servers would spoil each other's files.
 *
 * @returns gives it free
 * @throws {HomeTakenError}
 */
export function lockHome(home: string): () => void {
  mkdirSync(home, { recursive: true });
  const file = join(home, 'start.pid');
  const other = ownerOf(file);
  if (other !== undefined && isRunning(other)) {
    throw new HomeTakenError(
      `Process ${other} uses ${home} already. Stop it, or choose another folder: HOLDFAST_HOME=/some/folder npm start`,
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
    // Nobody has been here.
    return undefined;
  }
}

/** Also after a restart of the machine, when the number may be another program's: then its command tells. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    return /\bnode\b/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
  } catch {
    // No /proc on this system: better to ask once too often.
    return true;
  }
}
