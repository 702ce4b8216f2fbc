import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FrontDoor } from '@holdfast/local';
import { eventually, freePorts, REPOSITORY, registerCleanup, startChild, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What came to the service behind the doors since the attack began. */
let seen: IncomingMessage[] = [];
const doors = new Map<string, number>();

beforeAll(async () => {
  const behind = createServer((request, response) => {
    if (request.url === '/readyz') return void response.end('ok');
    seen.push(request);
    request.resume().on('end', () => response.end('answered'));
  });
  await once(behind.listen(0, '127.0.0.1'), 'listening');
  registerCleanup('the service behind', async () => {
    behind.closeAllConnections();
    behind.close();
  });
  const { port } = behind.address() as { port: number };
  const door = await FrontDoor.open({
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    gateways: [{ name: 'gateway', port, isReady: async () => true }],
    api: { name: 'session-api', port, isReady: async () => true },
    say: () => undefined,
  });
  registerCleanup('front door', () => door.close());
  doors.set('the front door of npm start', door.port);
  doors.set('HAProxy', await startHaproxyDoor(port));
});
afterAll(stopAll);

/** HAProxy with the shipped configuration, and one service behind it. @returns its port */
async function startHaproxyDoor(behind: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-smuggling-'));
  registerCleanup('directory of HAProxy', () => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'color.map'), 'active blue\n');
  const [port = 0, metrics = 0] = await freePorts(2);
  const service = { address: `127.0.0.1:${behind}`, admin: String(behind) };
  const haproxy = await startChild({
    name: 'haproxy',
    command: 'haproxy',
    args: ['-db', '-f', join(REPOSITORY, 'deploy/haproxy/haproxy.cfg')],
    env: {
      PATH: process.env['PATH'] ?? '',
      FRONT_ADDRESS: `127.0.0.1:${port}`,
      METRICS_ADDRESS: `127.0.0.1:${metrics}`,
      RUNTIME_SOCKET: join(dir, 'runtime.sock'),
      COLOR_MAP: join(dir, 'color.map'),
      SERVERS_PER_COLOR: '1',
      SERVERS_OF_API: '1',
      GATEWAY_BLUE: service.address,
      GATEWAY_BLUE_ADMIN_PORT: service.admin,
      GATEWAY_GREEN: service.address,
      GATEWAY_GREEN_ADMIN_PORT: service.admin,
      SESSION_API: service.address,
      SESSION_API_ADMIN_PORT: service.admin,
    },
  });
  await eventually('HAProxy to serve', async () => {
    if (haproxy.exit) throw new Error(haproxy.log.tail());
    return (await fetch(`http://127.0.0.1:${port}/api/`).catch(() => undefined))?.ok === true;
  });
  return port;
}

/** A door that has not answered by then waits for more. Milliseconds. */
const QUIET_MS = 300;

/** Sends bytes, ends the stream behind the first answer, and reads until the door ends the connection. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'));
    const quiet = setTimeout(() => socket.end(), QUIET_MS);
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
      socket.end();
    });
    const ended = (): void => {
      clearTimeout(quiet);
      resolve(answer);
    };
    socket.on('error', ended).on('close', ended);
  });
}

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.66\r\n\r\n';
/** A request whose end is one thing to whoever counts bytes, and another to whoever reads chunks. */
const post = (lines: string, body: string) => `POST /api/x HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n${body}`;
const CHUNKED = `0\r\n\r\n${HIDDEN}`;
const LENGTH = `Content-Length: ${CHUNKED.length}`;

const ATTACKS: Record<string, string> = {
  'a length and chunks': post(`${LENGTH}\r\nTransfer-Encoding: chunked`, CHUNKED),
  'chunks and a length': post(
    `Transfer-Encoding: chunked\r\nContent-Length: 4`,
    `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ),
  'two lengths': post(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}`, HIDDEN),
  'a list of lengths': post(`Content-Length: 0, ${HIDDEN.length}`, HIDDEN),
  'a length with a sign': post(`Content-Length: +${HIDDEN.length}`, HIDDEN),
  'a negative length': post('Content-Length: -1', HIDDEN),
  'a hexadecimal length': post('Content-Length: 0x10', HIDDEN),
  'an encoding with a space before its colon': post(`${LENGTH}\r\nTransfer-Encoding : chunked`, CHUNKED),
  'an encoding behind a tab': post(`${LENGTH}\r\nTransfer-Encoding:\tchunked`, CHUNKED),
  'an unknown encoding': post(`${LENGTH}\r\nTransfer-Encoding: xchunked`, CHUNKED),
  'two encodings': post(`${LENGTH}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity`, CHUNKED),
  'an encoding in a folded line': post(`${LENGTH}\r\nX: y\r\n Transfer-Encoding: chunked`, CHUNKED),
  'an encoding behind a bare line feed': post(`${LENGTH}\r\nX: y\nTransfer-Encoding: chunked`, CHUNKED),
  'an encoding behind a NUL': post(`${LENGTH}\r\nX: \0\r\nTransfer-Encoding: chunked`, CHUNKED),
  'a size of a chunk that overflows': post('Transfer-Encoding: chunked', `ffffffffffffffff1\r\n${HIDDEN}`),
  'a size of a chunk with a sign': post('Transfer-Encoding: chunked', `-1\r\n${HIDDEN}`),
  'chunks in HTTP/1.0': post(`${LENGTH}\r\nTransfer-Encoding: chunked`, CHUNKED).replace('HTTP/1.1', 'HTTP/1.0'),
  'two hosts': `GET /api/x HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n`,
  'another host in the target': `GET http://evil.example/api/x HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  'a forged address':
    'GET /api/x HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.66\r\nX-Forwarded-For: 192.0.2.67\r\n\r\n',
  'an address that Connection names': 'GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: X-Forwarded-For\r\n\r\n',
  'an upgrade that is none, with a request behind it': `GET /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
};

describe.each(['the front door of npm start', 'HAProxy'])('%s', (name) => {
  it.each(Object.keys(ATTACKS))('H3, C4: lets nothing past itself: %s', async (attack) => {
    seen = [];
    const answer = await exchange(doors.get(name) ?? 0, ATTACKS[attack] ?? '');
    const answers = answer.match(/HTTP\/1\.[01] \d{3} /g) ?? [];
    // A request that the door has not read has no answer of its own, and would be given somebody else's.
    expect(answers.length).toBeGreaterThanOrEqual(seen.length);
    for (const { headers, rawHeaders } of seen) {
      // The nearest address is the door's word.
      expect(String(headers['x-forwarded-for']).split(', ').at(-1)).toBe('127.0.0.1');
      expect(headers['content-length'] === undefined || headers['transfer-encoding'] === undefined).toBe(true);
      expect(rawHeaders.filter((header, index) => index % 2 === 0 && header.toLowerCase() === 'host')).toHaveLength(1);
    }
  });
});
