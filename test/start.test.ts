import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Child,
  childProcesses,
  connectFramed,
  connectPlain,
  eventually,
  freePort,
  REPOSITORY,
  startChild,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startHoldfast } from './holdfast.js';

/** A system must have stopped after this time. Milliseconds. */
const STOP_MS = 30_000;

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'holdfast-start-'));
});
afterEach(async () => {
  await stopAll();
  await rm(home, { recursive: true, force: true });
});
afterAll(stopAll);

async function npmStart(port: number, env: Record<string, string> = {}, ...args: string[]): Promise<Child> {
  return startChild({
    name: 'npm start',
    command: 'npm',
    args: ['start', '--silent', '--', ...args],
    cwd: REPOSITORY,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      HOLDFAST_HOME: home,
      HOLDFAST_PORT: String(port),
      ...env,
    },
  });
}

const ready = (child: Child): Promise<string> => child.log.waitFor(/^Ready: /, { timeoutMs: 120_000 });

/** The lines it printed, without those of a build: sources may have changed since the last one. */
const said = (child: Child): string[] => child.log.lines.filter((line) => !line.startsWith('Building '));

/** The ids among these whose processes still run. */
async function belonging(pids: Iterable<number>): Promise<number[]> {
  const all = await childProcesses(1);
  return [...pids].filter((pid) => all.has(pid));
}

describe('npm start', () => {
  it('runs the whole system behind one port, and SIGINT leaves no process behind', async () => {
    const port = await freePort();
    const child = await npmStart(port);
    expect(await ready(child)).toBe(`Ready: http://localhost:${port}   (Ctrl-C stops everything)`);
    for (const part of ['Redis', 'gateway 1', 'gateway 2', 'session-api', 'sweeper', 'logs']) {
      expect(child.log.matching(new RegExp(`^ {2}${part} `))).toHaveLength(1);
    }
    // The output is a few lines, without colours.
    expect(child.log.lines.length).toBeLessThan(20);
    expect(child.log.lines.join('')).not.toContain('\x1b');

    const page = await fetch(`http://localhost:${port}/`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await page.text()).toContain('<title>WebSocket Chat</title>');
    for (const prefix of ['api', 'chat/api']) {
      const answer = await fetch(`http://localhost:${port}/${prefix}/redis/status/`);
      expect(await answer.json()).toMatchObject({ success: true, redis_connected: true });
    }
    const query = { session: 'open', redis_persistence: true };
    const members = await Promise.all([1, 2].map(() => connectFramed(`ws://localhost:${port}/ws/chat/`, { query })));
    for (const member of members) await member.frames.next({ type: 'welcome' });
    members[0]?.send({ type: 'send', id: 'a', content: 'hello' });
    for (const member of members) await member.frames.next({ type: 'message', seq: 1 });

    const started = await childProcesses(child.pid);
    expect(started.size).toBeGreaterThan(5);
    const before = performance.now();
    // A terminal sends SIGINT to npm and to everything in its process group.
    for (const pid of await group(child.pid)) process.kill(pid, 'SIGINT');
    await child.exited;
    expect(performance.now() - before).toBeLessThan(STOP_MS);
    // What was killed last is still listed for a moment.
    await eventually('no process to be left', async () => (await belonging(started.keys())).length === 0, {
      timeoutMs: 1_000,
    });
    // B3: members were told to move before they were disconnected.
    for (const member of members) {
      await member.frames.find({ type: 'drain' });
      expect([1001, 1012]).toContain((await member.closed).code);
    }
    expect(child.log.lines.at(-1)).toBe('Stopped.');
    // A start and a stop in order are no failure, for any part.
    expect(child.log.matching(/ERROR|FATAL/)).toEqual([]);
    for (const part of ['gateway-1', 'gateway-2', 'session-api', 'sweeper']) {
      expect(await readFile(join(home, 'logs', `${part}.log`), 'utf8'), part).not.toMatch(/^(?:ERROR|FATAL)/m);
    }
  });

  it('keeps what was said for the next start', async () => {
    const port = await freePort();
    for (const count of [1, 2]) {
      const child = await npmStart(port);
      await ready(child);
      const member = await connectPlain(`ws://localhost:${port}/ws/chat/?session=kept&redis_persistence=true`);
      member.sendRaw('hello');
      expect(await member.frames.next()).toMatchObject({ count });
      member.terminate();
      await child.stop('SIGTERM', STOP_MS);
    }
  });

  it('ends when npm is killed without a word', async () => {
    const child = await npmStart(await freePort());
    await ready(child);
    const started = await childProcesses(child.pid);
    await child.kill();
    await eventually('every process to be gone', async () => (await belonging(started.keys())).length === 0, {
      timeoutMs: STOP_MS + 2_000,
    });
  });

  it('ends every part when it is killed itself', async () => {
    const system = await startHoldfast();
    const started = await childProcesses(system.child.pid);
    expect(started.size).toBeGreaterThan(5);
    await system.child.kill();
    await eventually('every process to be gone', async () => (await belonging(started.keys())).length === 0, {
      timeoutMs: STOP_MS + 2_000,
    });
  });

  it('starts a part again that has crashed, and says so', async () => {
    const system = await startHoldfast();
    const gateway = [...(await childProcesses(system.child.pid))].find(([, command]) =>
      /node.*gateway\/dist\/main/.test(command),
    );
    if (!gateway) throw new Error('there is no gateway');
    const member = await connectPlain(`${system.wsUrl}?session=again&redis_persistence=true`);
    member.sendRaw('one');
    await member.frames.next();
    process.kill(gateway[0], 'SIGKILL');
    await system.child.log.waitFor(/^gateway \d ended \(killed by SIGKILL\); starting it again in 0\.5 s$/);
    // The other gateway takes the connections meanwhile.
    const next = await connectPlain(`${system.wsUrl}?session=again&redis_persistence=true`);
    next.sendRaw('two');
    expect(await next.frames.next()).toMatchObject({ count: 2 });
    await eventually('both to serve again', async () => {
      const states = await Promise.all(
        system.gatewayWsUrls.map((url) =>
          fetch(url.replace('ws', 'http')).then(
            () => true,
            () => false,
          ),
        ),
      );
      return states.every(Boolean);
    });
  });

  it('uses the Redis of CHANNEL_REDIS_URL and starts none', async () => {
    const redis = await startRedis();
    const system = await startHoldfast({ env: { CHANNEL_REDIS_URL: redis.url } });
    expect(system.child.log.matching(/^ {2}Redis/)).toEqual([
      `  Redis        ${redis.url}  (given by CHANNEL_REDIS_URL)`,
    ]);
    const commands = [...(await childProcesses(system.child.pid)).values()];
    expect(commands.filter((command) => command.includes('redis-server'))).toEqual([]);
    const member = await connectPlain(`${system.wsUrl}?session=given&redis_persistence=true`);
    member.sendRaw('hello');
    await member.frames.next();
    expect(await redis.cli('exists', 'session:given')).toBe('1');
    await system.child.stop('SIGTERM', STOP_MS);
  });

  it('names the port and the variable when 8000, or the one chosen instead, is taken', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(address === null || typeof address === 'string' ? 0 : address.port);
      });
    });
    const child = await npmStart(port);
    expect((await child.exited).code).toBe(1);
    expect(said(child)).toEqual([
      `Port ${port} is taken. Stop what listens there, or choose another one: HOLDFAST_PORT=8080 npm start`,
    ]);
    taken.close();
  });

  it('refuses to share its data with another one', async () => {
    const first = await startHoldfast();
    const child = await npmStart(await freePort(), { HOLDFAST_HOME: first.home });
    expect((await child.exited).code).toBe(1);
    expect(said(child)).toEqual([expect.stringContaining(`Process ${first.child.pid} uses ${first.home} already.`)]);
  });

  it('tells every mistake in the environment and starts nothing', async () => {
    const child = await npmStart(await freePort(), { REDIS_SESSION_TTL: 'soon', HOST: '0.0.0.0' });
    expect((await child.exited).code).toBe(1);
    expect(child.log.lines.join('\n')).toMatch(/REDIS_SESSION_TTL[\s\S]*AUTH_DISABLED/);
  });
});

describe('npm start -- --embedded', () => {
  it('runs without any Redis, says what that means, and answers the same API', async () => {
    const port = await freePort();
    const child = await npmStart(port, {}, '--embedded');
    await ready(child);
    expect(child.log.matching('NO REDIS')).toEqual([expect.stringContaining('gone when it ends')]);
    const started = await childProcesses(child.pid);
    expect([...started.values()].filter((command) => command.includes('redis-server'))).toEqual([]);

    const query = { session: 'memory', redis_persistence: true };
    const url = `ws://localhost:${port}/ws/chat/`;
    const members = [
      await connectFramed(url, { query }),
      await connectFramed(url, { query }),
      await connectPlain(url, { query }),
    ];
    for (const member of members.slice(0, 2)) await member.frames.next({ type: 'welcome', persistence: 'redis' });
    members[2]?.sendRaw('hello');
    for (const member of members) await member.frames.next({ type: 'message' });

    const api = `http://localhost:${port}/chat/api`;
    const get = async (path: string): Promise<unknown> => (await fetch(api + path)).json();
    expect(await get('/redis/status/')).toMatchObject({ success: true, redis_connected: false, mode: 'memory' });
    expect(await get('/sessions/memory/')).toMatchObject({ success: true, data: { data: { count: 1 }, ttl: 3600 } });
    expect(await get('/sessions/memory/messages/')).toMatchObject({ count: 2, messages: [{ content: 'hello' }, {}] });
    const extended = await fetch(`${api}/sessions/memory/extend/`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"ttl":7200}',
    });
    expect(await extended.json()).toMatchObject({ success: true, ttl: 7200 });
    await members[0]?.frames.next({ type: 'session', event: 'extended', ttl: 7200 });
    expect((await fetch(`${api}/sessions/memory/delete/`, { method: 'DELETE' })).status).toBe(200);
    for (const member of members) expect((await member.closed).code).toBe(4404);
    expect((await fetch(`${api}/sessions/memory/`)).status).toBe(404);

    await child.stop('SIGINT', STOP_MS);
    expect(await belonging(started.keys())).toEqual([]);
  });

  it('is what a machine without a redis-server gets', async () => {
    const system = await startHoldfast({ env: { PATH: '/nowhere' } });
    expect(system.redisPort).toBeUndefined();
    expect(system.child.log.matching('NO REDIS')).toEqual([
      expect.stringContaining('no redis-server or valkey-server'),
    ]);
    const member = await connectPlain(`${system.wsUrl}?session=x&redis_persistence=true`);
    member.sendRaw('hello');
    expect(await member.frames.next()).toMatchObject({ count: 1 });
  });
});

/** The processes that get Ctrl-C from a terminal: those of npm's own process group. */
async function group(leader: number): Promise<number[]> {
  const pids = [leader];
  for (const pid of (await childProcesses(leader)).keys()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const own = await readFile(`/proc/${leader}/stat`, 'utf8');
    const groupOf = (text: string) => text.slice(text.lastIndexOf(')') + 2).split(' ')[2];
    if (groupOf(stat) === groupOf(own)) pids.push(pid);
  }
  return pids;
}
