import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePorts } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { choosePorts } from './ports.js';

describe('choosePorts', () => {
  it('takes the wanted port where it is free and another where it is not', async () => {
    const [wanted = 0] = await freePorts(1);
    const taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const address = taken.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const [first, second] = await choosePorts([wanted, address.port]);
    expect(first).toEqual({ port: wanted, instead: false });
    expect(second?.instead).toBe(true);
    expect(second?.port).not.toBe(address.port);
    taken.close();
  });

  it('gives no port twice', async () => {
    const [wanted = 0] = await freePorts(1);
    const chosen = await choosePorts([wanted, wanted, wanted]);
    expect(new Set(chosen.map((one) => one.port)).size).toBe(3);
  });
});
