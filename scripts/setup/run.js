// Runs programs for the start and test commands. Uses Node's own modules only, because nothing else is installed yet.
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';

/**
 * Runs a program to its end. Passes stop signals on to it, so that it does not outlive this process.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, lowPriority?: boolean }} [options]
 * `quiet` keeps the output instead of showing it; `lowPriority` leaves the processor to everything else that wants it
 * @returns {Promise<{ code: number, output: string }>} 127 when the program is not there, 128 when a signal ended it
 */
export function run(command, args, options = {}) {
  const { cwd, env = process.env, quiet = false, lowPriority = false } = options;
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd,
      env,
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    if (lowPriority && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text) => {
        output += text;
      });
    }
    const forward = (signal) => {
      child.kill(signal);
      child.once('close', () => process.exit(signal === 'SIGINT' ? 130 : 143));
    };
    process.once('SIGINT', forward).once('SIGTERM', forward).once('SIGHUP', forward);
    const settle = (code) => {
      process.off('SIGINT', forward).off('SIGTERM', forward).off('SIGHUP', forward);
      resolve({ code, output });
    };
    child.once('error', (error) => {
      output += error.message;
      settle(127);
    });
    child.once('close', (code) => settle(code ?? 128));
  });
}

/** Says what cannot go on, in one sentence a user can act on; shown without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}
