import { connect } from 'node:net';
import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBehindFrontDoor } from './front-door.js';

const ports = { gateway: 0, api: 0, door: 0 };

beforeAll(async () => {
  const { gateway, api, door } = await startBehindFrontDoor();
  Object.assign(ports, { gateway: gateway.port, api: api.port, door: door.port });
});
afterAll(stopAll);

/** How often a byte comes, so that nothing that waits for silence ever sees any. Milliseconds. */
const BYTE_EVERY_MS = 1_000;

const HEAD = 'GET /ws/chat/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ';
const BODY =
  'POST /api/sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{';

/** Sends a request byte by byte, for as long as the other side takes it. @returns seconds, and what was answered */
function sendSlowly(port: number, first: string): Promise<{ seconds: number; answer: string }> {
  const since = performance.now();
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    socket.setEncoding('latin1').on('data', (data: string) => {
      answer += data;
    });
    socket.on('error', () => undefined);
    socket.write(first);
    const timer = setInterval(() => socket.write('a'), BYTE_EVERY_MS);
    socket.once('close', () => {
      clearInterval(timer);
      resolve({ seconds: (performance.now() - since) / 1_000, answer });
    });
  });
}

describe.concurrent('a request that comes byte by byte', () => {
  it.each([
    ['api', 'head', HEAD],
    ['api', 'body', BODY],
    ['door', 'head', HEAD],
    ['door', 'body', BODY],
  ] as const)('H6: is ended by the %s after 30 seconds, when its %s is slow', async (server, _part, first) => {
    const { seconds, answer } = await sendSlowly(ports[server], first);
    expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
    expect(seconds).toBeGreaterThan(25);
    // The second until it is looked at, two to read the answer, and a busy machine.
    expect(seconds).toBeLessThan(36);
  });

  it('H6: is ended by the gateway after some 12 seconds: a handshake has no longer', async () => {
    const { seconds } = await sendSlowly(ports.gateway, HEAD);
    expect(seconds).toBeLessThan(20);
  });
});
