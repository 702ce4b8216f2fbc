import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childProcesses, eventually, startChild, stopAll } from '@holdfast/testkit';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { isRunning } from '../../../scripts/setup/is-running.js';
import { ServiceLog } from '../src/service-log.js';
import { StartFailedError, SupervisedProcess } from '../src/supervised-process.js';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-supervised-'));
const running: SupervisedProcess[] = [];
afterEach(async () => {
  for (const process of running.splice(0)) await process.stop(1_000);
});
afterAll(async () => {
  await stopAll();
  rmSync(dir, { recursive: true });
});

let count = 0;

/** Runs a script that calls `ready()` when it is ready, which makes a file. */
function supervised(script: string, lines: string[] = []): SupervisedProcess {
  count += 1;
  const marker = join(dir, `ready-${count}`);
  const log = new ServiceLog(join(dir, `${count}.log`), (text) => lines.push(text));
  const process_ = new SupervisedProcess({
    name: 'worker',
    command: process.execPath,
    args: ['-e', `const ready = () => require("fs").writeFileSync(${JSON.stringify(marker)}, "");${script}`],
    env: { PATH: process.env['PATH'] ?? '' },
    cwd: dir,
    log,
    say: (line) => lines.push(line),
    isReady: async () => existsSync(marker),
  });
  running.push(process_);
  return process_;
}

describe('SupervisedProcess', () => {
  it('waits until the process is ready, and ends it by SIGTERM with nothing left', async () => {
    const worker = supervised(
      'process.on("SIGTERM", () => { console.log("bye"); process.exit(0) }); setTimeout(ready, 100); setInterval(() => {}, 1e6)',
    );
    expect(await worker.start(60_000)).toBe(true);
    const { pid } = worker;
    await worker.stop(5_000);
    expect(readFileSync(join(dir, `${count}.log`), 'utf8')).toBe('bye\n');
    expect((await childProcesses()).has(pid ?? 0)).toBe(false);
    expect(await childProcesses()).toEqual(new Map());
  });

  it('says why a process ended before it was ready, and does not try again', async () => {
    const worker = supervised('console.error("PORT is taken"); process.exit(3)');
    const start = worker.start(60_000);
    await expect(start).rejects.toBeInstanceOf(StartFailedError);
    await expect(start).rejects.toThrow('worker could not start (exit code 3):\nPORT is taken');
    expect(worker.pid).toBeUndefined();
  });

  it('starts it again when it ends, later each time, and says so', async () => {
    const lines: string[] = [];
    const worker = supervised('ready(); setInterval(() => {}, 1e6)', lines);
    await worker.start(60_000);
    for (const delay of [0.5, 1]) {
      const { pid = 0 } = worker;
      process.kill(pid, 'SIGKILL');
      await eventually('another process', () => worker.pid !== undefined && worker.pid !== pid);
      expect(lines.at(-1)).toBe(`worker ended (killed by SIGKILL); starting it again in ${delay} s`);
    }
  });

  it('kills what does not stop in time, and says so', async () => {
    const lines: string[] = [];
    const worker = supervised('process.on("SIGTERM", () => {}); ready(); setInterval(() => {}, 1e6)', lines);
    await worker.start(60_000);
    await worker.stop(200);
    expect(lines).toEqual(['worker did not stop in 0.2 s and was killed']);
  });

  it('goes on waiting for one that takes too long', async () => {
    const worker = supervised('setInterval(() => {}, 1e6)');
    expect(await worker.start(100)).toBe(false);
    expect(worker.pid).toBeDefined();
  });
});

describe('guard.sh', () => {
  it('ends the program when its parent was killed without a word', async () => {
    const guard = join(import.meta.dirname, '../bin/guard.sh');
    const script = `
      const { spawn } = require("child_process");
      const child = spawn("/bin/sh", [${JSON.stringify(guard)}, "sleep", "1000"], { detached: true, stdio: ["pipe", "inherit", "inherit"] });
      console.log(child.pid);
      setInterval(() => {}, 1e6);`;
    const parent = await startChild({ name: 'parent', command: process.execPath, args: ['-e', script] });
    const pid = Number(await parent.log.waitFor(/^\d+$/));
    expect(isRunning(pid)).toBe(true);
    await parent.kill();
    await eventually('the program to be gone', () => !isRunning(pid));
  });
});
