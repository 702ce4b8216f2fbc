import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type DescriptorSource, Descriptors, limitConnections, systemDescriptors } from './descriptors.js';

const has = (limit: number | undefined, open: number): DescriptorSource => ({
  limit: async () => limit,
  count: async () => open,
});

describe('the file descriptors of a process', () => {
  it('B7: the system tells how many there may be and how many there are', async () => {
    expect(await systemDescriptors.limit()).toBeGreaterThan(30);
    const before = await systemDescriptors.count();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await systemDescriptors.count()).toBeGreaterThan(before);
    server.close();
  });

  it('B7: connections get what is left beside a reserve and what else is open', async () => {
    const large = await Descriptors.watch(has(10_000, 36));
    expect([large.free, large.last]).toEqual([10_000 - 64 - 36, 64]);
    large.take();
    large.take();
    large.giveBack();
    expect(large.free).toBe(10_000 - 64 - 36 - 1);
    const small = await Descriptors.watch(has(160, 30));
    expect([small.free, small.last]).toEqual([160 - 40 - 30, 20]);
    const unlimited = await Descriptors.watch(has(undefined, 30));
    expect(unlimited.free).toBe(Number.POSITIVE_INFINITY);
  });

  it('B7: what was closed a moment ago is given to connections slowly, because it may be opened again', async () => {
    let open = 40;
    const descriptors = await Descriptors.watch({ limit: async () => 1_000, count: async () => open });
    open = 20;
    await descriptors.look();
    expect(descriptors.free).toBe(1_000 - 64 - 39);
    open = 50;
    await descriptors.look();
    expect(descriptors.free).toBe(1_000 - 64 - 50);
  });

  it('B7: who cannot even look has none left', async () => {
    let fails = false;
    const descriptors = await Descriptors.watch({
      limit: async () => (fails ? Promise.reject(new Error('EMFILE')) : 100),
      count: async () => (fails ? Promise.reject(new Error('EMFILE')) : 20),
    });
    expect(descriptors.free).toBe(100 - 25 - 20);
    fails = true;
    await descriptors.look();
    expect(descriptors.free).toBe(-25);
  });

  it("B7: a server of Node's drops connections for which there is none, and takes others when some are free", async () => {
    const descriptors = await Descriptors.watch(has(40, 26));
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    limitConnections(server, descriptors);
    const { port } = server.address() as AddressInfo;
    const open = async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    const kept = [await open(), await open(), await open()];
    const dropped = await open();
    await once(dropped, 'close');
    expect(descriptors.free).toBe(1);
    for (const socket of kept) socket.destroy();
    await Promise.all(kept.map((socket) => socket.closed || once(socket, 'close')));
    while (descriptors.free < 4) await new Promise(setImmediate);
    const last = await open();
    expect(last.closed).toBe(false);
    last.destroy();
    server.close();
  });
});
