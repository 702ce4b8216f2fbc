import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort, startHaproxy, stopAll } from '../src/index.js';

afterAll(stopAll);

describe('startHaproxy', () => {
  it('serves its configuration and answers its runtime API', async () => {
    const server = createServer((_request, response) => response.end('behind'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const port = await freePort();
    const haproxy = await startHaproxy({
      ports: [port],
      files: { 'color.map': 'active blue\n' },
      config: ({ dir, socket }) =>
        `
        global
          stats socket ${socket} level admin
        defaults
          mode http
          timeout connect 1s
          timeout client 5s
          timeout server 5s
        frontend all
          bind 127.0.0.1:${port}
          http-response set-header x-color %[str(active),map(${dir}/color.map)]
          default_backend one
        backend one
          server a 127.0.0.1:${address.port}
      `.replace(/^ {8}/gm, ''),
    });
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    expect([await answer.text(), answer.headers.get('x-color')]).toEqual(['behind', 'blue']);
    await haproxy.runtime(`set map ${haproxy.dir}/color.map active green`);
    expect((await fetch(`http://127.0.0.1:${port}/`)).headers.get('x-color')).toBe('green');
    await haproxy.child.stop();
    server.close();
    server.closeAllConnections();
  });

  it('shows what HAProxy says of a wrong configuration', async () => {
    const start = startHaproxy({ ports: [1], config: () => 'frontend x\n  nonsense\n' });
    await expect(start).rejects.toThrow(/unknown keyword 'nonsense'/);
  });
});
