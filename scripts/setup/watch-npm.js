// Ends this process when the npm that started it has died without passing a signal on, as it does when it is killed.
import { execFileSync } from 'node:child_process';
import { isRunning } from './is-running.js';

const CHECK_MS = 500;

/**
 * Sends this process SIGTERM when npm has died. To be called first of all, while npm is certainly there; does nothing
 * when npm did not start this process.
 */
export function watchNpm(env = process.env) {
  if (env.npm_lifecycle_event === undefined) return;
  // Between npm and this process there may be a shell, which lives on when npm dies: its parent is watched as well.
  const above = [process.ppid, parentOf(process.ppid)].filter((pid) => pid > 1);
  const timer = setInterval(() => {
    if (above.every(isRunning)) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, CHECK_MS);
  timer.unref();
}

/** @returns {number} 0 when it cannot be told */
function parentOf(pid) {
  try {
    return Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    // No ps on this machine: the parent alone is watched.
    return 0;
  }
}
