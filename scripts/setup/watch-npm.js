// Ends this process when the npm that started it was killed: npm passes no signal on then.
import { execFileSync } from 'node:child_process';
import { isRunning } from './is-running.js';

const CHECK_MS = 500;

/**
 * Sends this process SIGTERM when npm has died. Call it first of all, while npm certainly lives. Does nothing when npm
 * did not start this process.
 */
export function watchNpm(env = process.env) {
  if (env.npm_lifecycle_event === undefined) return;
  // A shell between npm and this process would live on when npm dies, so the shell's parent is watched as well.
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
    // This machine has no ps, so the parent alone is watched.
    return 0;
  }
}
