import { fileURLToPath } from 'node:url';
import { ConfigError } from '@holdfast/config';
import { PortTakenError } from './front-door.js';
import { HomeTakenError } from './home-lock.js';
import { readSettings } from './settings.js';
import { StartFailedError } from './supervised-process.js';
import { LocalSystem } from './system.js';

/** The repository's root, relative to `dist/`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs the whole system until it is told to stop. */
async function main(): Promise<void> {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const system = new LocalSystem({ settings: readSettings(ROOT, process.env, process.argv.slice(2)), root: ROOT, say });

  let stopped: Promise<void> | undefined;
  const stop = (why: string, code: number): void => {
    if (stopped) return;
    say(`Stopping (${why}) ...`);
    stopped = system.stop().then(() => {
      say('Stopped.');
      process.exit(code);
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(signal, 0));
  // The terminal was closed, or the pipe ended: stop as after a signal, instead of failing on the next line of output.
  process.stdout.on('error', () => stop('nobody reads the output', 0));

  await system.start();
  if (stopped) return;
  say(`Ready: ${system.url}   (Ctrl-C stops everything)`);
}

/** Errors whose message alone tells the operator what to do; every other error is shown with its stack. */
const PLAIN: readonly (new (...args: never[]) => Error)[] = [
  ConfigError,
  PortTakenError,
  HomeTakenError,
  StartFailedError,
];

try {
  await main();
} catch (error) {
  const plain = error instanceof Error && PLAIN.some((kind) => error instanceof kind);
  process.stderr.write(`${plain ? (error as Error).message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
