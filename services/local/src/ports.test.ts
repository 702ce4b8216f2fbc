import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort, startChild, stopAll } from '@holdfast/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { choosePorts, releasePorts } from './ports.js';

afterAll(stopAll);

describe('choosePorts', () => {
  it('takes the wanted port where it is free and another where it is not', async () => {
    const wanted = await freePort();
    const taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const address = taken.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const chosen = await choosePorts([wanted, address.port]);
    expect(chosen[0]).toEqual({ port: wanted, instead: false });
    expect(chosen[1]?.instead).toBe(true);
    expect(chosen[1]?.port).not.toBe(address.port);
    releasePorts(chosen);
    taken.close();
  });

  it('gives no port twice, also to systems that start at once, until it is released', async () => {
    const wanted = await freePort();
    const chosen = (await Promise.all([1, 2, 3].map(() => choosePorts([wanted, wanted])))).flat();
    expect(new Set(chosen.map((one) => one.port)).size).toBe(6);
    expect(chosen.filter((one) => one.port === wanted)).toHaveLength(1);
    releasePorts(chosen);
    const again = await choosePorts([wanted]);
    expect(again).toEqual([{ port: wanted, instead: false }]);
    releasePorts(again);
  });

  it('takes over what a system reserved that has died', async () => {
    const wanted = await freePort();
    const file = JSON.stringify(`${process.env['TMPDIR'] ?? '/tmp'}/holdfast-ports/${wanted}`);
    const other = await startChild({
      name: 'other system',
      command: process.execPath,
      args: [
        '-e',
        `require("fs").writeFileSync(${file}, String(process.pid)); console.log("reserved"); setInterval(() => {}, 1e6)`,
      ],
    });
    await other.log.waitFor('reserved');
    const meanwhile = await choosePorts([wanted]);
    expect(meanwhile[0]?.instead).toBe(true);
    await other.kill();
    const after = await choosePorts([wanted]);
    expect(after).toEqual([{ port: wanted, instead: false }]);
    releasePorts([...meanwhile, ...after]);
  });
});
