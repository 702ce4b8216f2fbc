import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { connectFramed, connectPlain, stopAll, UpgradeRefused } from '../src/index.js';

/** A server that echoes. It sends framed clients a welcome together with the handshake, and refuses `session=bad`. */
const http = createServer();
const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'holdfast.v1' });
let url = '';

beforeAll(async () => {
  http.on('upgrade', (request, socket, head) => {
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    if (query.get('session') === 'bad') {
      socket.end('HTTP/1.1 400 Bad Request\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{"code":"bad_request"}');
      return;
    }
    socket.cork();
    sockets.handleUpgrade(request, socket, head, (ws) => {
      if (ws.protocol) ws.send(JSON.stringify({ type: 'welcome', query: Object.fromEntries(query) }));
      ws.on('message', (data, isBinary) => {
        if (data.toString() === 'close me') ws.close(4404, 'session deleted');
        else ws.send(JSON.stringify({ type: 'echo', text: data.toString(), isBinary }));
      });
    });
    socket.uncork();
  });
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  url = `ws://127.0.0.1:${address.port}/ws/chat/`;
});

afterAll(async () => {
  await stopAll();
  http.close();
});

describe('connectPlain', () => {
  it('C3: offers no subprotocol and sends text and binary as they are', async () => {
    const client = await connectPlain(url);
    expect(client.protocol).toBe('');
    client.sendRaw('hello');
    client.sendRaw(new Uint8Array([104, 105]));
    expect(await client.frames.next()).toEqual({ type: 'echo', text: 'hello', isBinary: false });
    expect(await client.frames.next()).toEqual({ type: 'echo', text: 'hi', isBinary: true });
    await client.close();
  });

  it('tells the code and the reason of a close, to those who wait for frames too', async () => {
    const client = await connectPlain(url);
    const waiting = expect(client.frames.next()).rejects.toThrow('closed with 4404 "session deleted"');
    client.sendRaw('close me');
    expect(await client.closed).toEqual({ code: 4404, reason: 'session deleted' });
    await waiting;
  });

  it('tells status, headers and body of a refusal', async () => {
    const refused = await connectPlain(url, { query: { session: 'bad' } }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UpgradeRefused);
    expect(refused).toMatchObject({ status: 400, headers: { 'retry-after': '1' }, json: { code: 'bad_request' } });
  });

  it('passes on that nobody listens', async () => {
    await expect(connectPlain('ws://127.0.0.1:1/ws/chat/')).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe('connectFramed', () => {
  it('misses no frame that comes with the handshake', async () => {
    const client = await connectFramed(url, { query: { session: 'a', last_seq: 3, epoch: undefined } });
    expect(client.protocol).toBe('holdfast.v1');
    expect(await client.frames.next()).toEqual({ type: 'welcome', query: { session: 'a', last_seq: '3' } });
    client.send({ type: 'ping' });
    expect(await client.frames.next({ type: 'echo' })).toMatchObject({ text: '{"type":"ping"}' });
    client.terminate();
    expect((await client.closed).code).toBe(1006);
  });
});
