import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { closeRedisSessionManager, getRedisSessionManager } from '@holdfast/session-store';
import { connectPlain, eventually, startChild, stopAll, type WsClient } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Holdfast, startHoldfast } from './holdfast.js';

/**
 * Runs the commands of the two original guides (docs/design/origin.md) as they are printed there, against the system
 * that `npm start` starts. Only ports are filled in.
 */
let system: Holdfast;

beforeAll(async () => {
  system = await startHoldfast();
});

afterAll(stopAll);

const shell = promisify(execFile);

/** Runs a line of a shell block. `localhost` and `localhost:8000` mean the front door, `redis-cli` asks its Redis. */
async function run(line: string): Promise<string> {
  const command = line
    .replace(/^curl http:\/\/localhost(?::8000)?\//, `curl -sS http://localhost:${system.port}/`)
    .replace(/^redis-cli /, `redis-cli -p ${system.redisPort} `);
  const { stdout } = await shell('/bin/sh', ['-c', command]);
  return stdout.trimEnd();
}

const json = async (line: string): Promise<unknown> => JSON.parse(await run(line));

/** Runs a line of an HTTP block, with its body. */
async function http(line: string, body?: object): Promise<{ status: number; body: unknown }> {
  const [method = '', path = ''] = line.split(' ');
  const answer = await fetch(system.url + path, {
    method,
    ...(body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** `new WebSocket('/ws/chat/?session=…&redis_persistence=true')` */
const connect = (session: string, persistence = true): Promise<WsClient> =>
  connectPlain(system.wsUrl, { query: { session, redis_persistence: persistence || undefined } });

async function chat(session: string, ...contents: string[]): Promise<void> {
  const client = await connect(session);
  for (const content of contents) {
    client.sendRaw(content);
    await client.frames.next({ echo: content });
  }
  await client.close();
}

describe('the guide to session persistence', () => {
  it('GET /api/redis/status/', async () => {
    expect(await http('GET /api/redis/status/')).toEqual({
      status: 200,
      body: expect.objectContaining({
        success: true,
        redis_connected: true,
        redis_url: `redis://localhost:${system.redisPort}/0`,
        default_ttl: 3600,
      }),
    });
    expect(await json('curl http://localhost:8000/api/redis/status/')).toMatchObject({ redis_connected: true });
  });

  it('GET /api/sessions/{session_id}/ answers the nested object', async () => {
    await chat('test-session-123', 'one', 'two', 'three', 'four', 'five');
    const { status, body } = await http('GET /api/sessions/test-session-123/');
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      session_id: 'test-session-123',
      data: {
        data: expect.objectContaining({ count: 5, last_activity: expect.any(Number) }),
        created_at: expect.any(Number),
        ttl: 3600,
        remaining_ttl: expect.any(Number),
      },
    });
    const { data } = body as { data: { data: { last_activity: number }; created_at: number; remaining_ttl: number } };
    // The time is in Unix seconds, as in the guide.
    expect(Math.abs(data.created_at - Date.now() / 1000)).toBeLessThan(60);
    expect(data.data.last_activity).toBeGreaterThanOrEqual(data.created_at);
    expect(data.remaining_ttl).toBeGreaterThan(3500);
    expect(data.remaining_ttl).toBeLessThanOrEqual(3600);
  });

  it('POST /api/sessions/{session_id}/extend/', async () => {
    await chat('extended', 'hello');
    expect(await http('POST /api/sessions/extended/extend/', { ttl: 7200 })).toMatchObject({
      status: 200,
      body: { success: true, session_id: 'extended', ttl: 7200 },
    });
    expect(Number(await run('redis-cli ttl "session:extended"'))).toBeGreaterThan(7100);
    expect(await http('GET /api/sessions/extended/')).toMatchObject({ body: { data: { ttl: 7200 } } });
  });

  it('DELETE /api/sessions/{session_id}/delete/', async () => {
    await chat('deleted', 'hello');
    expect(await http('DELETE /api/sessions/deleted/delete/')).toMatchObject({ status: 200, body: { success: true } });
    expect(await http('GET /api/sessions/deleted/')).toEqual({
      status: 404,
      body: expect.objectContaining({ success: false, code: 'session_not_found', session_id: 'deleted' }),
    });
    expect(await run('redis-cli keys "*deleted*:log"')).toBe('');
  });

  it("new WebSocket('/ws/chat/?session=my-session&redis_persistence=true')", async () => {
    const client = await connectPlain(`${system.wsUrl}?session=my-session&redis_persistence=true`);
    client.sendRaw('hello');
    expect(await client.frames.next()).toEqual({
      type: 'message',
      count: 1,
      echo: 'hello',
      content: 'Message #1: hello',
      timestamp: expect.any(Number),
      isSent: false,
      sessionId: 'my-session',
    });
    await client.close();
    expect(await json('curl http://localhost:8000/api/sessions/my-session/')).toMatchObject({
      success: true,
      data: { data: { count: 1 } },
    });
  });

  it('store_session, get_session, extend_session and delete_session, in TypeScript', async () => {
    vi.stubEnv('CHANNEL_REDIS_URL', `redis://localhost:${system.redisPort}/0`);
    const manager = getRedisSessionManager();
    try {
      const lastActivity = Date.now() / 1000;
      await manager.storeSession({ sessionId: 'managed', data: { count: 5, last_activity: lastActivity }, ttl: 3600 });
      expect(await manager.getSession('managed')).toMatchObject({
        data: { count: 5, last_activity: lastActivity },
        ttl: 3600,
      });
      await manager.extendSession('managed', { ttl: 7200 });
      expect(Number(await run('redis-cli ttl "session:managed"'))).toBeGreaterThan(7100);
      expect(await http('GET /api/sessions/managed/')).toMatchObject({ body: { data: { data: { count: 5 } } } });
      await manager.deleteSession('managed');
      expect(await run('redis-cli get "session:managed"')).toBe('');
    } finally {
      await closeRedisSessionManager();
      vi.unstubAllEnvs();
    }
  });

  it('redis-cli keys "session:*", get and ttl', async () => {
    await chat('my-session-id', 'one', 'two');
    await connect('not-kept', false).then((client) => client.close());
    const keys = (await run('redis-cli keys "session:*"')).split('\n');
    expect(keys).toContain('session:my-session-id');
    expect(keys.every((key) => /^session:[A-Za-z0-9._~-]+$/.test(key))).toBe(true);
    expect(keys).not.toContain('session:not-kept');

    const text = await run('redis-cli get "session:my-session-id"');
    expect(JSON.parse(text)).toMatchObject({
      data: { count: 2, last_activity: expect.any(Number) },
      created_at: expect.any(Number),
      ttl: 3600,
    });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(500);
    const ttl = Number(await run('redis-cli ttl "session:my-session-id"'));
    expect(ttl).toBeGreaterThan(3500);
    expect(ttl).toBeLessThanOrEqual(3600);
  });

  it('redis-cli ping, monitor and info memory', async () => {
    expect(await run('redis-cli ping')).toBe('PONG');
    expect(await run('redis-cli info memory')).toMatch(/^used_memory:\d+/m);
    const monitor = await startChild({
      name: 'monitor',
      command: 'redis-cli',
      args: ['-p', String(system.redisPort), 'monitor'],
    });
    await monitor.log.waitFor('OK');
    await chat('watched', 'hello');
    await monitor.log.waitFor('session:watched');
    await monitor.kill();
  });

  it('stores the moment of disconnection', async () => {
    await chat('left', 'hello');
    const session = await eventually('disconnected_at', async () => {
      const { data } = JSON.parse(await run('redis-cli get "session:left"')) as { data: { disconnected_at?: number } };
      return data.disconnected_at;
    });
    expect(Math.abs(session - Date.now() / 1000)).toBeLessThan(10);
  });

  it('writes the log lines word for word', async () => {
    await chat('logged', 'one', 'two', 'three', 'four', 'five');
    const again = await connect('logged');
    // Nothing tells a plain connection that it has joined. The first line that it receives does.
    await eventually('the session to be loaded', async () =>
      (await system.logLines()).some((line) => line.includes('loaded from Redis: logged')),
    );
    await again.close();
    await http('POST /api/sessions/logged/extend/', { ttl: 7200 });
    await http('DELETE /api/sessions/logged/delete/');
    const wanted = [
      'INFO: Session stored in Redis: logged, TTL: 3600s',
      'INFO: Session loaded from Redis: logged, count: 5',
      'INFO: Session TTL extended in Redis: logged, new TTL: 7200s',
      'INFO: Session deleted from Redis: logged',
    ];
    const lines = await eventually('the lines', async () => {
      const own = (await system.logLines()).filter((line) => /\blogged\b/.test(line));
      return own.length >= wanted.length && own;
    });
    expect(lines.toSorted()).toEqual(wanted.toSorted());
  });
});

describe('the guide to reading messages back', () => {
  it('curl http://localhost/chat/api/redis/status/', async () => {
    expect(await json('curl http://localhost/chat/api/redis/status/')).toMatchObject({
      success: true,
      redis_connected: true,
      redis_url: expect.stringMatching(/^redis:\/\//),
      default_ttl: 3600,
    });
  });

  it('curl http://localhost/chat/api/sessions/your-session-id/messages/ shows both faces of a message', async () => {
    await chat('your-session-id', 'Hello Redis!');
    expect(await json('curl http://localhost/chat/api/sessions/your-session-id/messages/')).toEqual({
      success: true,
      session_id: 'your-session-id',
      messages: [
        expect.objectContaining({
          content: 'Hello Redis!',
          timestamp: expect.any(Number),
          isSent: true,
          sessionId: 'your-session-id',
        }),
        expect.objectContaining({
          content: 'Message #1: Hello Redis!',
          timestamp: expect.any(Number),
          isSent: false,
          sessionId: 'your-session-id',
        }),
      ],
      count: 2,
      has_more: false,
    });
  });

  it('answers an empty list for a session that has nothing stored', async () => {
    expect(await json('curl http://localhost/chat/api/sessions/test-session-123456/messages/')).toMatchObject({
      success: true,
      session_id: 'test-session-123456',
      messages: [],
      count: 0,
    });
  });

  it('GET /chat/api/sessions/test-redis-123/messages/ after "Hello Redis test!"', async () => {
    await chat('test-redis-123', 'Hello Redis test!');
    expect(await http('GET /chat/api/sessions/test-redis-123/messages/')).toMatchObject({
      status: 200,
      body: { messages: [{ content: 'Hello Redis test!' }, { content: 'Message #1: Hello Redis test!' }] },
    });
  });

  it('stores nothing without redis_persistence=true', async () => {
    const client = await connect('plain-only', false);
    client.sendRaw('not kept');
    expect(await client.frames.next()).toMatchObject({ count: 1, echo: 'not kept' });
    await client.close();
    expect(await run('redis-cli keys "*plain-only*"')).toBe('');
    expect(await http('GET /chat/api/sessions/plain-only/messages/')).toMatchObject({
      body: { messages: [], count: 0 },
    });
  });

  it('netstat -an | grep 6379: Redis listens', async () => {
    const probe = await fetch(`http://localhost:${system.redisPort}/`).catch((error: unknown) => error);
    // Redis accepts the connection and hangs up on HTTP. With nobody there it would be ECONNREFUSED.
    expect(JSON.stringify((probe as Error).cause)).not.toContain('ECONNREFUSED');
  });

  it('REDIS_SESSION_TTL=300 with a Redis given by CHANNEL_REDIS_URL', async () => {
    const url = `redis://127.0.0.1:${system.redisPort}/1`;
    const other = await startHoldfast({ env: { REDIS_SESSION_TTL: '300', CHANNEL_REDIS_URL: url } });
    const answer = await fetch(`${other.url}/chat/api/redis/status/`);
    expect(await answer.json()).toMatchObject({ success: true, redis_url: url, default_ttl: 300 });
    const client = await connectPlain(other.wsUrl, { query: { session: 'short', redis_persistence: true } });
    client.sendRaw('hello');
    await client.frames.next();
    const { stdout } = await shell('redis-cli', ['-p', String(system.redisPort), '-n', '1', 'ttl', 'session:short']);
    expect(Number(stdout)).toBeGreaterThan(290);
    expect(Number(stdout)).toBeLessThanOrEqual(300);
    await client.close();
    await other.child.stop();
  });
});
