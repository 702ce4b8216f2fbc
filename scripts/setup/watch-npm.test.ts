import { join } from 'node:path';
import { eventually, startChild, stopAll } from '@holdfast/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { isRunning } from './is-running.js';

afterAll(stopAll);

const module = JSON.stringify(join(import.meta.dirname, 'watch-npm.js'));
/** Watches, and ends when it is told to, or keeps running. */
const watcher = `
  import { watchNpm } from ${module};
  process.on("SIGTERM", () => { console.log("SIGTERM"); process.exit(0); });
  watchNpm();
  console.log(process.pid);
  setInterval(() => {}, 1e6);`;

/** A shell in the place of npm that runs the watcher, directly or through another shell. */
const npm = (run: string) =>
  startChild({
    name: 'npm',
    command: 'sh',
    args: ['-c', `${run} & wait`, 'sh', process.execPath, watcher],
    env: { PATH: process.env['PATH'] ?? '', npm_lifecycle_event: 'start' },
  });

describe('watchNpm', () => {
  it.each([
    ['directly', '"$1" --input-type=module -e "$2"'],
    ['through a shell', `sh -c '"$0" --input-type=module -e "$1"; exit' "$1" "$2"`],
  ])('ends a process that npm started %s, when npm is killed', async (_, run) => {
    const parent = await npm(run);
    const pid = Number(await parent.log.waitFor(/^\d+$/));
    await parent.kill();
    await eventually('the process to be gone', () => !isRunning(pid));
  });

  it('leaves a process alone that npm did not start', async () => {
    const env = { PATH: process.env['PATH'] ?? '' };
    const script = watcher.replace('1e6', '10').replace('setInterval', 'setTimeout');
    const child = await startChild({
      name: 'alone',
      command: process.execPath,
      args: ['--input-type=module', '-e', script],
      env,
    });
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(child.log.matching('SIGTERM')).toEqual([]);
  });
});
