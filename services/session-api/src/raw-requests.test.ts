import { once } from 'node:events';
import { connect } from 'node:net';
import { registerCleanup, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from '../test/app-fixture.js';

/** Requests that only a real connection can have. The same kinds at every server: test/heads.test.ts. */
let t: TestApp;
let port: number;

beforeAll(async () => {
  t = await testApp();
  registerCleanup('app', () => t.app.close());
  await t.app.listen({ host: '127.0.0.1', port: 0 });
  const address = t.app.server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  ({ port } = address);
});
afterAll(stopAll);

/** Sends bytes, and reads until the connection ends. */
async function answerTo(bytes: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const socket = connect({ port, host: '127.0.0.1' });
  const forget = registerCleanup('raw connection', async () => socket.destroy());
  let got = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    got += data;
  });
  socket.write(bytes);
  await once(socket, 'close');
  socket.destroy();
  forget();
  const [head = '', body = '{}'] = got.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]), body: JSON.parse(body) as Record<string, unknown> };
}

describe('a request that does not arrive in time', () => {
  it('H6: has 30 seconds, looked at every second', () => {
    expect(t.app.server.requestTimeout).toBe(30_000);
    expect(t.app.server.headersTimeout).toBe(30_000);
  });

  it.each([
    ['its head', 'GET /api/sessions/ HTTP/1.1\r\nHost: localhost\r\n'],
    [
      'its body',
      'POST /api/sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a',
    ],
    [
      'a chunk',
      'POST /api/broadcast/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"',
    ],
  ])('H6: is answered with 408 when %s does not come', async (_what, bytes) => {
    const { requestTimeout, headersTimeout } = t.app.server;
    Object.assign(t.app.server, { requestTimeout: 200, headersTimeout: 200 });
    const since = performance.now();
    try {
      const { status, body } = await answerTo(bytes);
      expect([status, body['success'], body['code']]).toEqual([408, false, 'request_timeout']);
      // The time-out, the second until it is looked at, and a busy machine.
      expect(performance.now() - since).toBeLessThan(5_000);
    } finally {
      Object.assign(t.app.server, { requestTimeout, headersTimeout });
    }
  });

  it('H6: that has its answer already, for its type, gets no second one', async () => {
    const { requestTimeout, headersTimeout } = t.app.server;
    Object.assign(t.app.server, { requestTimeout: 200, headersTimeout: 200 });
    try {
      const { status, body } = await answerTo(
        'POST /api/broadcast/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"a',
      );
      expect([status, body['code']]).toEqual([415, 'unsupported_media_type']);
    } finally {
      Object.assign(t.app.server, { requestTimeout, headersTimeout });
    }
  });
});
