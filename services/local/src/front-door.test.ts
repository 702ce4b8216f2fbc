import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { Descriptors } from '@holdfast/telemetry';
import { connectPlain, eventually, freePort, IdleConnections, stopAll, UpgradeRefused } from '@holdfast/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { FrontDoor, PortTakenError } from './front-door.js';
import type { Backend } from './gateway-pool.js';

interface StandIn extends Backend {
  ready: boolean;
  readonly requests: IncomingMessage[];
  readonly bodies: string[];
  readonly sockets: WebSocketServer;
  stop(): Promise<void>;
}

const standIns: StandIn[] = [];
const doors: FrontDoor[] = [];

afterEach(async () => {
  await stopAll();
  for (const door of doors.splice(0)) await door.close();
  for (const standIn of standIns.splice(0)) await standIn.stop();
});

/**
 * A backend that tells its name, as the body of every response and as the first frame of every WebSocket, whose frames
 * it then echoes. It refuses upgrades with `session=bad`, and breaks off requests for `/break` and `session=broken`.
 */
async function standIn(name: string): Promise<StandIn> {
  const requests: IncomingMessage[] = [];
  const bodies: string[] = [];
  const sockets = new WebSocketServer({ noServer: true });
  const server: Server = createServer((request, response) => {
    requests.push(request);
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      bodies.push(body);
      if (request.url === '/break') request.socket.destroy();
      else response.writeHead(201, 'Made', { 'x-name': name, 'set-cookie': ['a=1', 'b=2'] }).end(name);
    });
  });
  server.on('upgrade', (request, socket, head) => {
    requests.push(request);
    if (request.url?.includes('session=bad')) {
      socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 22\r\nRetry-After: 7\r\n\r\n{"code":"bad_request"}');
      return;
    }
    if (request.url?.includes('session=broken')) {
      socket.destroy();
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.send(JSON.stringify({ name }));
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const made: StandIn = {
    name,
    port: address.port,
    ready: true,
    isReady: async () => made.ready,
    requests,
    bodies,
    sockets,
    async stop() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  standIns.push(made);
  return made;
}

async function openDoor(gateways: readonly Backend[], api: Backend): Promise<{ http: string; ws: string }> {
  const door = await FrontDoor.open({
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    gateways,
    api,
    say: () => undefined,
  });
  doors.push(door);
  await door.checkGateways();
  const ws = `ws://127.0.0.1:${door.port}/ws/chat/`;
  return { http: `http://127.0.0.1:${door.port}`, ws };
}

const nameOf = async (ws: string): Promise<unknown> => (await (await connectPlain(ws)).frames.next())['name'];

describe('FrontDoor', () => {
  it('H1: sends chat to a gateway and every other path to session-api', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    for (const path of ['/', '/api/redis/status/', '/chat/api/sessions/', '/ws/chatter']) {
      expect(await (await fetch(door.http + path)).text()).toBe('api');
    }
    expect(api.requests.map((request) => request.url)).toEqual([
      '/',
      '/api/redis/status/',
      '/chat/api/sessions/',
      '/ws/chatter',
    ]);
    expect(await nameOf(door.ws)).toBe('gateway');
    expect(await nameOf(door.ws.slice(0, -1))).toBe('gateway');
    expect(await (await fetch(`${door.http}/ws/chat/?session=x`)).text()).toBe('gateway');
  });

  it('passes method, body, status and repeated headers on', async () => {
    const api = await standIn('api');
    const door = await openDoor([], api);
    const answer = await fetch(`${door.http}/api/sessions/?a=%20b`, { method: 'POST', body: '{"session_id":"x"}' });
    expect([answer.status, answer.statusText, answer.headers.getSetCookie()]).toEqual([201, 'Made', ['a=1', 'b=2']]);
    expect(api.requests[0]).toMatchObject({ method: 'POST', url: '/api/sessions/?a=%20b' });
    expect(api.bodies).toEqual(['{"session_id":"x"}']);
  });

  it('says who the client is, at the end of what others said, and keeps Host and Origin', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    await fetch(door.http, { headers: { 'X-Forwarded-For': '10.1.2.3', 'X-Forwarded-Host': 'evil' } });
    const host = new URL(door.http).host;
    expect(api.requests[0]?.headers).toMatchObject({
      'x-forwarded-for': '10.1.2.3, 127.0.0.1',
      'x-forwarded-host': host,
      host,
    });
    await connectPlain(door.ws, { headers: { Origin: 'http://localhost' } });
    expect(gateway.requests.at(-1)?.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      origin: 'http://localhost',
      host,
    });
  });

  it.each(['GET /api/sessions/', 'POST /api/sessions/', 'GET /', 'GET /ws/chat/', 'UPGRADE'])(
    'N2: refuses %s of a page that has its own name resolve to this machine',
    async (line) => {
      const [gateway, api] = [await standIn('gateway'), await standIn('api')];
      const door = await openDoor([gateway], api);
      const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
      const ask = async (host: string): Promise<string> => {
        const socket = connect({ port: Number(new URL(door.http).port), host: '127.0.0.1' });
        const lines = `Host: ${host}\r\nOrigin: http://${host}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
        const head = line === 'UPGRADE' ? `GET /ws/chat/ HTTP/1.1\r\n${upgrade}` : `${line} HTTP/1.1\r\n`;
        socket.write(`${head}${lines}\r\n`);
        const [answer] = (await once(socket, 'data')) as [Buffer];
        socket.destroy();
        return answer.toString();
      };
      expect(await ask('evil.example')).toMatch(/^HTTP\/1\.1 403 .*"code":"forbidden"/s);
      expect([gateway.requests, api.requests]).toEqual([[], []]);
      expect(await ask('localhost:8000')).toMatch(/^HTTP\/1\.1 (?:101|201) /);
    },
  );

  it('C1: leaves out headers whose names a gateway does not read', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const headers = { my_header: '1', __proto_: '1', 'x.y': '1', "x!#$%&'*+^`|~": '1', 'X-Plain-1': 'stays' };
    await connectPlain(door.ws, { headers });
    await fetch(door.http, { headers });
    for (const request of [gateway.requests.at(-1), api.requests.at(-1)]) {
      const names = (request?.rawHeaders ?? []).filter((_, i) => i % 2 === 0);
      expect(names.filter((name) => !/^[A-Za-z0-9-]+$/.test(name))).toEqual([]);
      expect(request?.headers['x-plain-1']).toBe('stays');
    }
  });

  it.each([
    ['GET / HTTP/1.1\r\nmy header: 1', 'a header has a character in its name or value that HTTP does not allow there'],
    ['GET /ws/chat/ HTTP/1.1\r\nx : 1', 'a header has a character in its name or value that HTTP does not allow there'],
    ['GET /a b HTTP/1.1', 'a request must begin with METHOD PATH HTTP/1.1'],
  ])('H3: says what of a request is not HTTP: %j', async (head, error) => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const socket = connect({ port: Number(new URL(door.http).port), host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.end(`${head}\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toEqual({
      success: false,
      error,
      code: 'bad_request',
    });
  });

  it('shares connections out evenly, to the gateway with the fewest', async () => {
    const [one, two, api] = [await standIn('one'), await standIn('two'), await standIn('api')];
    const door = await openDoor([one, two], api);
    const first = await Promise.all(Array.from({ length: 6 }, () => connectPlain(door.ws)));
    for (const client of first) await client.frames.next();
    expect([one.sockets.clients.size, two.sockets.clients.size]).toEqual([3, 3]);
    for (const client of first) {
      if (client.frames.all[0]?.['name'] === 'one') await client.close();
    }
    await eventually('the connections to be gone', () => one.sockets.clients.size === 0);
    expect([await nameOf(door.ws), await nameOf(door.ws), await nameOf(door.ws)]).toEqual(['one', 'one', 'one']);
  });

  it('takes another gateway when one refuses to connect or says that it is not ready', async () => {
    const [gone, draining, good, api] = [
      await standIn('gone'),
      await standIn('draining'),
      await standIn('good'),
      await standIn('api'),
    ];
    const door = await openDoor([gone, draining, good], api);
    await gone.stop();
    // The door does not know yet that it is gone: the first connection tries it, and is passed on to another.
    const first = [await nameOf(door.ws), await nameOf(door.ws)];
    expect(first.every((name) => name === 'draining' || name === 'good')).toBe(true);
    draining.ready = false;
    await eventually('the draining one to be left alone', async () => {
      const names = [await nameOf(door.ws), await nameOf(door.ws), await nameOf(door.ws)];
      return names.every((name) => name === 'good');
    });
  });

  it('H3: answers 503 with Retry-After when no gateway is ready, 502 when one breaks off', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    gateway.sockets.removeAllListeners();
    await gateway.stop();
    const refused = (await connectPlain(door.ws).catch((error: unknown) => error)) as UpgradeRefused;
    expect(refused).toBeInstanceOf(UpgradeRefused);
    expect([refused.status, refused.headers['retry-after'], refused.headers['content-type']]).toEqual([
      503,
      '1',
      'application/json; charset=utf-8',
    ]);
    expect(refused.json).toEqual({
      success: false,
      error: 'no gateway is ready; try again in a moment',
      code: 'unavailable',
    });

    const other = await standIn('other');
    const brokenUpgrade = (await connectPlain((await openDoor([other], api)).ws, {
      query: { session: 'broken' },
    }).catch((error: unknown) => error)) as UpgradeRefused;
    expect([brokenUpgrade.status, brokenUpgrade.json]).toEqual([
      502,
      { success: false, error: 'other broke off before it had answered', code: 'bad_gateway' },
    ]);

    const broken = await fetch(`${door.http}/break`);
    expect([broken.status, await broken.json()]).toEqual([
      502,
      { success: false, error: 'api broke off before it had answered', code: 'bad_gateway' },
    ]);
    await api.stop();
    const away = await fetch(`${door.http}/api/sessions/`);
    expect([away.status, away.headers.get('retry-after'), await away.json()]).toEqual([
      503,
      '1',
      { success: false, error: 'api is not running; try again in a moment', code: 'unavailable' },
    ]);
  });

  it('passes a refusal of the gateway on and ends that connection', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const refused = (await connectPlain(door.ws, { query: { session: 'bad' } }).catch(
      (error: unknown) => error,
    )) as UpgradeRefused;
    expect([refused.status, refused.headers['retry-after'], refused.json]).toEqual([400, '7', { code: 'bad_request' }]);
    expect(refused.headers.connection).toBe('close');
  });

  it('refuses upgrades elsewhere with 404', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const refused = (await connectPlain(door.ws.replace('/ws/chat/', '/api/x')).catch(
      (error: unknown) => error,
    )) as UpgradeRefused;
    expect([refused.status, refused.json['code']]).toEqual([404, 'not_found']);
  });

  it('closes each side when the other one does', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const client = await connectPlain(door.ws);
    await client.frames.next();
    for (const socket of gateway.sockets.clients) socket.close(4404, 'session deleted');
    expect(await client.closed).toEqual({ code: 4404, reason: 'session deleted' });

    const other = await connectPlain(door.ws);
    await other.frames.next();
    const [socket] = gateway.sockets.clients;
    other.terminate();
    await eventually('the gateway to see it', () => socket?.readyState === 3);
  });

  it('lets a gateway feel that a client reads nothing', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const client = await connectPlain(door.ws);
    await client.frames.next();
    client.pauseReading();
    const [socket] = gateway.sockets.clients;
    if (!socket) throw new Error('no connection arrived');
    const piece = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 64; i++) socket.send(piece);
    // Buffers of the system and of the door take some of it; the rest must wait in the gateway.
    await eventually('the flow to stand still', async () => {
      const before = socket.bufferedAmount;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return before > 32 * 1024 * 1024 && socket.bufferedAmount === before;
    });
    client.resumeReading();
    expect(await client.frames.take(65, () => true, 20_000)).toHaveLength(65);
  });

  it('drops a client that does not close its side after a refusal', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const { ws } = await openDoor([gateway], api);
    const answers: string[] = [];
    const sockets = ['/elsewhere', '/ws/chat/?session=bad', '/ws/chat/?session=broken'].map((path) => {
      const socket = connect({ port: Number(new URL(ws).port), host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => socket.destroy());
      socket.on('data', (data) => answers.push(data.toString()));
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      return socket;
    });
    await eventually('the answers', () => answers.length >= 3);
    await eventually('the door to forget them', () => doors.at(-1)?.tunnels === 0);
    for (const socket of sockets) socket.destroy();
  });

  it('ends a connection whose client asked for that', async () => {
    const api = await standIn('api');
    const door = await openDoor([], api);
    const socket = connect({ port: Number(new URL(door.http).port), host: '127.0.0.1' });
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await once(socket, 'end');
    expect(answer).toMatch(/^HTTP\/1\.1 201 Made\r\n.*\r\nConnection: close\r\n/s);
  });

  it('repeats a GET when a kept connection was closed under it', async () => {
    const api = await standIn('api');
    const door = await openDoor([], api);
    for (let i = 0; i < 20; i++) {
      expect((await fetch(door.http)).status).toBe(201);
      for (const request of api.requests.splice(0)) request.socket.destroy();
    }
  });

  it('keeps open connections when it stops accepting', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const { ws } = await openDoor([gateway], api);
    const client = await connectPlain(ws);
    await client.frames.next();
    doors[0]?.stopAccepting();
    await expect(connectPlain(ws)).rejects.toThrow(/ECONNREFUSED/);
    client.sendRaw('{"still":"here"}');
    expect(await client.frames.next()).toEqual({ still: 'here' });
    await doors[0]?.close();
    expect((await client.closed).code).toBe(1006);
  });

  it('names the port and the variable when the port is taken', async () => {
    const api = await standIn('api');
    const open = FrontDoor.open({
      host: '127.0.0.1',
      port: api.port,
      allowedHosts: [],
      gateways: [],
      api,
      say: () => undefined,
    });
    await expect(open).rejects.toBeInstanceOf(PortTakenError);
    await expect(open).rejects.toThrow(`Port ${api.port} is taken.`);
    await expect(open).rejects.toThrow('HOLDFAST_PORT=8080 npm start');
  });

  it('survives what is no HTTP, and clients that leave in the middle', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const door = await openDoor([gateway], api);
    const { port } = new URL(door.http);
    for (const text of [
      '\x16\x03\x01nonsense',
      'GET / HTTP/1.1\r\n',
      'GET /ws/chat/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc',
    ]) {
      const socket = connect({ port: Number(port), host: '127.0.0.1' });
      await once(socket, 'connect');
      socket.write(text, () => socket.destroy());
      await once(socket, 'close');
    }
    expect((await fetch(door.http)).status).toBe(201);
  });

  it('B7: without free descriptors it refuses, then drops, says so once, and goes on when some are free', async () => {
    const [gateway, api] = [await standIn('gateway'), await standIn('api')];
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    // 32 are kept back and 40 are open: 56 are left for connections, of which a client's may take two.
    const descriptors = await Descriptors.watch({ limit: async () => 128, count: async () => 40 });
    const door = await FrontDoor.open({
      host: '127.0.0.1',
      port: 0,
      allowedHosts: [],
      gateways: [gateway],
      api,
      say,
      descriptors,
    });
    doors.push(door);
    await door.checkGateways();
    const ws = `ws://127.0.0.1:${door.port}/ws/chat/`;
    const member = await connectPlain(ws);
    const idle = IdleConnections.hold(door.port, 100);
    await eventually('descriptors to run out', () => descriptors.free <= 2);
    await expect(connectPlain(ws)).rejects.toThrow();
    member.sendRaw('{"still":"here"}');
    expect(await member.frames.next({ still: 'here' })).toBeDefined();
    idle.release();
    await eventually(
      'a newcomer to be taken',
      async () => (await fetch(`http://127.0.0.1:${door.port}`)).status === 201,
    );
    for (let taken = descriptors.free; taken > descriptors.last; taken -= 1) descriptors.take();
    const answer = await fetch(`http://127.0.0.1:${door.port}`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    await expect(connectPlain(ws)).rejects.toBeInstanceOf(UpgradeRefused);
    expect(lines.filter((line) => line.includes('Short of file descriptors'))).toHaveLength(1);
  });

  it('uses a free port when told 0', async () => {
    const api = await standIn('api');
    const port = await freePort();
    const door = await FrontDoor.open({
      host: 'localhost',
      port,
      allowedHosts: [],
      gateways: [],
      api,
      say: () => undefined,
    });
    doors.push(door);
    expect(door.port).toBe(port);
    expect((await fetch(`http://localhost:${port}`)).status).toBe(201);
  });
});
