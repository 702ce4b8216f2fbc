import {
  connectFramed,
  connectPlain,
  type RedisServer,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Parts of everything that must not be seen; each has the letters that are looked for. */
const SECRET = 'S3CR3T';
const CONTENT = `${SECRET}-content`;
const CLIENT = `${SECRET}-client-of-a-member`;
const PASSWORD = `${SECRET}-password`;

let redis: RedisServer;
let services: readonly ServiceProcess[];
let gateway: ServiceProcess;
let api: ServiceProcess;
/** What Redis refuses, and what becomes of it. */
const answers: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
  await allow('+@all');
  const env = {
    CHANNEL_REDIS_URL: redis.url.replace('redis://', `redis://app:${PASSWORD}@`),
    LOG_LEVEL: 'trace',
    AUDIT_INTERVAL_SECONDS: '1',
    REDIS_TIMEOUT_MS: '1000',
  };
  const start = (service: string) => startProcess({ service, env });
  services = await Promise.all(['gateway', 'session-api', 'sweeper'].map(start));
  [gateway, api] = services as [ServiceProcess, ServiceProcess];
});
afterAll(stopAll);

/** Gives the services' user these permissions. */
async function allow(...rules: string[]): Promise<void> {
  await redis.cli('acl', 'setuser', 'app', 'reset', 'on', `>${PASSWORD}`, '~*', '&*', ...rules);
}

/** A request of somebody who must not be told what others wrote. */
async function ask(path: string, body?: unknown): Promise<number> {
  const answer = await fetch(api.url + path, {
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          body: typeof body === 'string' ? body : JSON.stringify(body),
          headers: { 'content-type': 'application/json', authorization: `Bearer ${SECRET}` },
        }),
  });
  answers.push(await answer.text());
  return answer.status;
}

async function member(session: string) {
  const query = { session, redis_persistence: true, client: CLIENT };
  const client = await connectFramed(gateway.wsUrl, { query });
  await client.frames.next({ type: 'welcome' });
  return client;
}

describe('what leaves the processes while things fail', () => {
  it.each([
    ['publish', '-publish'],
    ['run scripts', '-evalsha', '-eval'],
    ['write streams', '-xadd'],
    ['read streams', '-xrange'],
    ['use keys', 'resetkeys', '~{bull}:*'],
    ['use channels', 'resetchannels'],
    ['do anything', '-@all'],
  ])('N1: holds no content when Redis does not let the services %s', async (_what, ...rules) => {
    const session = `faulty${rules.join('').replace(/[^a-z]/g, '')}`;
    const one = await member(session);
    const plain = await connectPlain(gateway.wsUrl, { query: { session: `${session}-volatile`, client: CLIENT } });
    await allow('+@all', ...rules);
    for (let nr = 0; nr < 20; nr++) {
      one.send({ type: 'send', id: `m${nr}`, content: CONTENT });
      plain.sendRaw(CONTENT);
    }
    const path = `/api/sessions/${session}`;
    await Promise.all([
      ask(`${path}/messages/`, { content: CONTENT, sender: SECRET }),
      ask('/api/broadcast/', { title: SECRET, message: CONTENT }),
      ask(`${path}/extend/`, { ttl: 100 }),
    ]);
    // Who made it is shown its data again.
    await fetch(`${api.url}/api/sessions/`, {
      method: 'POST',
      body: JSON.stringify({ session_id: `${session}-new`, data: { custom: CONTENT } }),
      headers: { 'content-type': 'application/json' },
    });
    await allow('+@all');
    one.send({ type: 'send', id: 'last', content: 'plain words' });
    await one.frames.find({ type: 'message', id: 'last', pending: undefined });
    one.terminate();
    plain.terminate();
  });

  it('N1: holds no content of data and payloads that cannot be read', async () => {
    const one = await member('broken');
    one.send({ type: 'send', id: 'a', content: 'first' });
    await one.frames.find({ type: 'message', id: 'a' });
    const broken = [`{"event":"${CONTENT}`, `2 {"type":"message","content":"${CONTENT}"`, CONTENT, `{"${CONTENT}":1}`];
    for (const payload of broken) {
      await redis.cli('publish', '{session:broken}:live', payload);
      await redis.cli('publish', 'holdfast:broadcast', payload);
      await redis.cli('set', 'session:broken', payload);
      await ask('/api/sessions/broken/');
      await ask('/api/sessions/broken/messages/', { content: CONTENT, id: 'a', sender: 'x' });
    }
    await redis.cli('xadd', '{session:broken}:log', '*', 'x', CONTENT).catch(() => undefined);
    await redis.cli('set', 'session:odd', `{"count":"${CONTENT}"`);
    await ask('/api/sessions/odd/messages/');
    await ask('/api/sessions/odd/');
    await connectPlain(gateway.wsUrl, { query: { session: 'odd', redis_persistence: true } });
    one.terminate();
  });

  it('N1: holds nothing of requests that cannot be read', async () => {
    for (const body of [`{"content":"${CONTENT}"`, CONTENT, '{"content":1}', `{"content":{"${CONTENT}":1}}`]) {
      // Whoever asked may be told about his own request.
      await fetch(`${api.url}/api/sessions/x/messages/?token=${SECRET}`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', authorization: SECRET, cookie: SECRET },
      });
    }
    const one = await member('odd-frames');
    for (const frame of [CONTENT, `{"type":"${CONTENT}"`, `{"type":"send","content":"${CONTENT}"`]) one.sendRaw(frame);
    await one.frames.find({ type: 'error' });
    one.terminate();
  });

  it('N1: neither the logs, nor metrics, nor /readyz, nor answers, nor the job queue have shown any', async () => {
    const texts = await Promise.all(
      services.flatMap(({ adminUrl }) =>
        ['/metrics', '/readyz'].map(async (path) => (await fetch(adminUrl + path)).text()),
      ),
    );
    const dump = async () => {
      const keys = (await redis.cli('keys', '{bull}:*')).split('\n');
      const dumps = keys.map(async (key) => {
        const type = await redis.cli('type', key);
        return type === 'hash'
          ? redis.cli('hgetall', key)
          : type === 'stream'
            ? redis.cli('xrange', key, '-', '+')
            : '';
      });
      return (await Promise.all(dumps)).join('\n');
    };
    const jobs = await dump();
    expect(jobs).toContain('round');
    const lines = services.flatMap(({ log }) => log.lines);
    expect(lines.filter((line) => /NOPERM|no permissions|Redis/.test(line)).length).toBeGreaterThan(3);
    for (const text of [...lines, ...texts, ...answers, jobs]) expect(text).not.toContain(SECRET);
  });
});
