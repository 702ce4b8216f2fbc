import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stopAll } from './cleanup.js';
import { eventually, withDeadline } from './deadline.js';
import { type FaultProxy, startFaultProxy } from './fault-proxy.js';

/** A server that answers every text with the text in capitals, and keeps what it received. */
const received: string[] = [];
const server = createServer((socket) => {
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (text: string) => {
    received.push(text);
    socket.write(text.toUpperCase());
  });
});
let proxy: FaultProxy;

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  proxy = await startFaultProxy({ port: address.port });
});

afterEach(() => {
  proxy.heal();
  proxy.setLatency(0);
  proxy.cut();
});

afterAll(async () => {
  await stopAll();
  server.close();
});

async function open(): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the socket is closed, by an error or in order. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

async function ask(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  const [got] = (await withDeadline(answer, 'an answer', 2_000)) as [string];
  return got;
}

describe('FaultProxy', () => {
  it('passes both directions on', async () => {
    const socket = await open();
    expect(await ask(socket, 'hello')).toBe('HELLO');
    socket.end();
    await closed(socket);
    await eventually('the link to be gone', () => proxy.links === 0);
  });

  it('delays each way by the latency, and keeps the order when it shrinks', async () => {
    const socket = await open();
    proxy.setLatency(60);
    const start = performance.now();
    expect(await ask(socket, 'slow')).toBe('SLOW');
    expect(performance.now() - start).toBeGreaterThan(110);

    let text = '';
    socket.on('data', (piece: string) => {
      text += piece;
    });
    socket.write('first ');
    await eventually('the first to be on its way', () => true, { everyMs: 5 });
    proxy.setLatency(0);
    socket.write('second');
    await eventually('both', () => text.length === 'first second'.length);
    expect(text).toBe('FIRST SECOND');
  });

  it('cuts open links and lets new ones in', async () => {
    const socket = await open();
    await ask(socket, 'up');
    proxy.cut();
    await closed(socket);
    expect(await ask(await open(), 'again')).toBe('AGAIN');
  });

  it('refuses new links and keeps the open ones', async () => {
    const socket = await open();
    await ask(socket, 'up');
    proxy.refuse();
    const late = connect({ port: proxy.port, host: '127.0.0.1' });
    late.on('error', () => late.destroy());
    await closed(late);
    expect(await ask(socket, 'still up')).toBe('STILL UP');
  });

  it('swallows everything while half open, and resets those links when healed', async () => {
    const socket = await open();
    await ask(socket, 'up');
    proxy.halfOpen();
    await expect(withDeadline(ask(socket, 'anybody?'), 'an answer', 100)).rejects.toThrow('waited 100 ms');
    expect(socket.destroyed).toBe(false);
    proxy.heal();
    await closed(socket);
    expect(await ask(await open(), 'back')).toBe('BACK');
  });

  it('cuts after the request went out: the server has it, the client has no answer', async () => {
    const socket = await open();
    await ask(socket, 'up');
    const cut = proxy.cutAfterRequest((bytes) => bytes.includes('append'));
    expect(await ask(socket, 'read')).toBe('READ');
    let answered = false;
    socket.on('data', () => {
      answered = true;
    });
    socket.write('append');
    await closed(socket);
    await cut;
    await eventually('the server to have it', () => received.includes('append'));
    expect(answered).toBe(false);
  });
});
