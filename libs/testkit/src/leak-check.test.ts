import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { startChild } from './child.js';
import { stopAll } from './cleanup.js';
import { childProcesses, startLeakCheck } from './leak-check.js';

afterAll(stopAll);

describe('startLeakCheck', () => {
  it('is content when everything was ended', async () => {
    const check = await startLeakCheck();
    const child = await startChild({ name: 'sleeper', command: 'sleep', args: ['1000'] });
    const timer = setTimeout(() => undefined, 100_000);
    await child.kill();
    clearTimeout(timer);
    await check.assertNone();
    check.stop();
  });

  it('names a server, a timer and a process that are left', async () => {
    const check = await startLeakCheck();
    const server = createServer();
    await once(server.listen(0), 'listening');
    await expect(check.assertNone(50)).rejects.toThrow(/left behind:\s+TCP server opened at .*leak-check\.test\.ts/);
    await new Promise((resolve) => server.close(resolve));
    await check.assertNone();

    const timer = setTimeout(() => undefined, 100_000);
    await expect(check.assertNone(50)).rejects.toThrow(/left behind:\s+timer opened at .*leak-check\.test\.ts/);
    clearTimeout(timer);
    await check.assertNone();

    const child = await startChild({ name: 'sleeper', command: 'sleep', args: ['1000'] });
    await expect(check.assertNone(50)).rejects.toThrow(new RegExp(`process ${child.pid}: sleep 1000`));
    await child.kill();
    await check.assertNone();
    check.stop();
  });

  it('takes no notice of an unreferenced timer', async () => {
    const check = await startLeakCheck();
    const timer = setTimeout(() => undefined, 100_000).unref();
    await check.assertNone(50);
    clearTimeout(timer);
    check.stop();
  });
});

describe('childProcesses', () => {
  it('finds the children of children', async () => {
    const child = await startChild({ name: 'shell', command: 'sh', args: ['-c', 'sleep 1000 & echo up; wait'] });
    await child.log.waitFor('up');
    expect([...(await childProcesses(child.pid)).values()]).toEqual(['sleep 1000']);
    for (const pid of (await childProcesses(child.pid)).keys()) process.kill(pid, 'SIGKILL');
    await child.exited;
  });
});
