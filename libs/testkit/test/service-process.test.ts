import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { REPOSITORY, startProcess, stopAll } from '../src/index.js';

afterAll(stopAll);

const service = 'libs/testkit/test/fixtures/service.mjs';

describe('startProcess', () => {
  it('gives free ports, waits for /readyz and ends in order', async () => {
    const process = await startProcess({ service, env: { START_AFTER_MS: '100', EXTRA: 'yes' } });
    expect(await process.readiness()).toEqual({ status: 200, body: { ready: true, port: process.port } });
    expect(process.log.lines).toEqual(['{"msg":"ready","extra":"yes"}']);
    expect(await process.stop()).toEqual({ code: 0, signal: null });
    expect(process.log.lines.at(-1)).toBe('draining');
  });

  it('starts again on the same ports after a kill', async () => {
    const process = await startProcess({ service });
    const ports = [process.port, process.adminPort];
    expect(await process.kill()).toEqual({ code: null, signal: 'SIGKILL' });
    await process.start({ EXTRA: 'second life' });
    expect([process.port, process.adminPort]).toEqual(ports);
    expect(process.log.lines).toEqual(['{"msg":"ready","extra":"second life"}']);
    await process.stop();
  });

  it('shows why a service ended instead of starting', async () => {
    await expect(startProcess({ service, name: 'gateway', env: { FAIL: 'PORT must be a number' } })).rejects.toThrow(
      'gateway ended instead of starting:\nPORT must be a number',
    );
  });

  it('runs the service of another checkout, with options of Node and a limit of open files', async () => {
    const process = await startProcess({
      service: 'test/fixtures/service.mjs',
      root: `${REPOSITORY}libs/testkit`,
      nodeArgs: ['--max-semi-space-size=8'],
      openFiles: 123,
    });
    const of = (file: string) => readFile(`/proc/${process.pid}/${file}`, 'utf8');
    expect(await of('limits')).toMatch(/^Max open files +123 +123 /m);
    expect((await of('cmdline')).split('\0').slice(1, 3)).toEqual([
      '--max-semi-space-size=8',
      `${REPOSITORY}libs/testkit/test/fixtures/service.mjs`,
    ]);
    await process.stop();
  });

  it('sums the series of a metric', async () => {
    const process = await startProcess({ service });
    expect(await process.metric('sends_total')).toBe(5);
    expect(await process.metric('sends_total', { code: '4408' })).toBe(3);
    expect(await process.metric('up')).toBe(1);
    expect(await process.metric('unheard_of')).toBeUndefined();
    await process.stop();
  });
});
