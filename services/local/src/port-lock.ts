import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One file a port, of all systems of this machine. */
const FOLDER = join(tmpdir(), 'holdfast-ports');

/**
 * Reserves a port among the systems of this machine until their services listen on it: two that start at once would
 * otherwise choose the same free one, and one of them would take the other's services for its own.
 *
 * @returns whether the port is this process's now
 */
export function lockPort(port: number): boolean {
  const file = fileOf(port);
  try {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    // Where nothing can be written nothing can be reserved, and a port is as good as any.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return true;
  }
  if (isHeld(file)) return false;
  rmSync(file, { force: true });
  return lockPort(port);
}

export function unlockPort(port: number): void {
  rmSync(fileOf(port), { force: true });
}

function fileOf(port: number): string {
  return join(FOLDER, String(port));
}

/** Whether the process that wrote the file lives, this one included. */
function isHeld(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (!Number.isInteger(pid) || pid <= 0) return false;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
