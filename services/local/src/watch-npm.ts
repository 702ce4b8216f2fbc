import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CHECK_MS = 500;

/**
 * Tells when the npm that started this process has died without passing a signal on, as it does when it is killed.
 * Does nothing when npm did not start it.
 */
export async function watchNpm(onGone: () => void, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (env['npm_lifecycle_event'] === undefined) return;
  // npm runs scripts through a shell, which lives on when npm dies: its parent is the one to watch.
  const parents = [process.ppid, await parentOf(process.ppid)].filter((pid) => pid !== undefined && pid > 1);
  const timer = setInterval(() => {
    if (parents.every((pid) => isAlive(pid))) return;
    clearInterval(timer);
    onGone();
  }, CHECK_MS);
  timer.unref();
}

async function parentOf(pid: number): Promise<number | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'ppid=', '-p', String(pid)]);
    return Number(stdout) || undefined;
  } catch {
    // No ps on this machine: the parent alone is watched.
    return undefined;
  }
}

function isAlive(pid: number | undefined): boolean {
  try {
    if (pid !== undefined) process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive all the same.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
