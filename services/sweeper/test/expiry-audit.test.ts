import { readFileSync } from 'node:fs';
import { closeRedis, createRedis, type RedisClient, waitUntilReady } from '@holdfast/redis-client';
import { type CustomData, logKey, namesOf, orphanKey, RedisSessionStore, sessionKey } from '@holdfast/session-store';
import { eventually, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../src/audit.js';
import { ExpiryAudit } from '../src/expiry-audit.js';

let client: RedisClient;
let audit: ExpiryAudit;

beforeAll(async () => {
  const { url } = await startRedis();
  client = createRedis({ mode: 'standalone', urls: [url], timeoutMs: 5_000 }, { name: 'test', role: 'commands' });
  await waitUntilReady(client, 5_000);
  audit = newAudit({});
});

afterAll(async () => {
  await closeRedis(client);
  await stopAll();
});

beforeEach(() => client.flushall());

function newAudit(options: { graceSeconds?: number; dryRun?: boolean }): ExpiryAudit {
  const names = namesOf();
  return new ExpiryAudit({ client, names, graceSeconds: 60, intervalSeconds: 300, dryRun: false, ...options });
}

/** A session as the gateways write it, with a log of one message unless told otherwise. */
async function plant(id: string, options: { ttl?: number; expireIn?: number; logExpireIn?: number | 'none' } = {}) {
  const { ttl = 60, expireIn, logExpireIn = expireIn } = options;
  await client.set(sessionKey(id), json(ttl));
  if (expireIn !== undefined) await client.pexpire(sessionKey(id), expireIn);
  if (logExpireIn === 'none') return;
  await client.xadd(logKey(id), '1-0', '', 'x","content":"hello"}');
  if (logExpireIn !== undefined) await client.pexpire(logKey(id), logExpireIn);
}

function json(ttl: number): string {
  const data = '"count":1,"last_activity":1700000000.000,"ttl":5,"nested":{"created_at":1,"ttl":7}';
  return `{"data":{${data}},"created_at":1700000000.000,"ttl":${ttl},"epoch":"018bcfe5680-00","retried":0}`;
}

/** What the audit finds in all keys there are. */
async function findings(of = audit): Promise<readonly Finding[]> {
  return (await of.inspect(await client.keys('*'))).findings;
}

async function repairAll(of = audit): Promise<void> {
  for (const finding of await findings(of)) if (finding.repairable) await of.repair(finding);
}

async function deadlines(id: string): Promise<[session: number, log: number]> {
  return [await client.pexpiretime(sessionKey(id)), await client.pexpiretime(logKey(id))];
}

describe('the expiry audit', () => {
  it('finds the faults that its page explains, and no other', () => {
    const page = readFileSync(new URL('../../../docs/operations/audits.md', import.meta.url), 'utf8');
    const explained = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, fault]) => fault);
    expect(explained.toSorted()).toEqual([...audit.faults].toSorted());
  });

  it('W1: finds nothing wrong with sessions as they should be', async () => {
    await plant('a', { expireIn: 60_000 });
    await plant('b', { expireIn: 1_000 });
    await plant('c', { expireIn: 30_000, logExpireIn: 'none' });
    const { looked, findings: found } = await audit.inspect(await client.keys('*'));
    expect(found).toEqual([]);
    expect(looked).toEqual({ sessions: 3, logs: 2 });
  });

  it('W1: gives a session without expiry, and its log, one ttl from now (K5)', async () => {
    await plant('a', { ttl: 60 });
    expect(await findings()).toMatchObject([{ fault: 'session_without_expiry', sessionId: 'a', repairable: true }]);
    const before = Date.now();
    await repairAll();
    const [session, log] = await deadlines('a');
    expect(session).toBe(log);
    expect(session).toBeGreaterThanOrEqual(before + 60_000 - 1_000);
    expect(session).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(await findings()).toEqual([]);
  });

  it('W1: gives a session without expiry one although its log has one, and lets both expire together (K5)', async () => {
    await plant('a', { ttl: 60 });
    await client.pexpire(logKey('a'), 5_000);
    await repairAll();
    const [session, log] = await deadlines('a');
    expect(session).toBe(log);
    expect(await client.ttl(sessionKey('a'))).toBeGreaterThan(50);
  });

  it.each([
    ['of 0', '{"data":{"count":0,"last_activity":1},"created_at":1,"ttl":0,"epoch":"e","retried":0}'],
    [
      'longer than time',
      '{"data":{"count":0,"last_activity":1},"created_at":1,"ttl":99999999999,"epoch":"e","retried":0}',
    ],
    ['that is gone, because it is cut off', '{"data":{"count":0,"last_activity":1},"crea'],
  ])('W1: reports, but leaves alone, a session without expiry with a ttl %s', async (_, value) => {
    await client.set(sessionKey('a'), value);
    expect(await findings()).toMatchObject([{ fault: 'session_without_expiry', repairable: false }]);
    expect(await audit.repair({ fault: 'session_without_expiry', sessionId: 'a', repairable: true, detail: {} })).toBe(
      false,
    );
    expect(await client.ttl(sessionKey('a'))).toBe(-1);
  });

  it.each([
    ['a text', () => client.set(sessionKey('a'), 'scribble')],
    ['JSON with a ttl', () => client.set(sessionKey('a'), '{ "ttl": 60, "data": { "count": 0 } }')],
    ['JSON with a cookie', () => client.set(sessionKey('a'), '{"cookie":{"originalMaxAge":60},"ttl":60}')],
    ['a hash', () => client.hset(sessionKey('a'), 'ttl', '60')],
    ['a list in the place of a log', () => client.lpush(logKey('a'), 'x')],
    ['a stream in the place of a log', () => client.xadd(logKey('a'), '1-0', 'field', 'value', 'more', 'value')],
  ])('K8, W1: neither reports nor touches what another program keeps: %s', async (_, write) => {
    await write();
    const own = newAudit({ graceSeconds: 0 });
    const keys = await client.keys('*');
    const before = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
    for (let round = 0; round < 3; round++) {
      const { findings: found } = await own.inspect(keys);
      expect(found).toEqual([]);
      for (const fault of ['session_without_expiry', 'orphan_log']) {
        expect(await own.repair({ fault, sessionId: 'a', repairable: true, detail: {} })).toBe(false);
      }
    }
    expect(await client.keys('*')).toEqual(keys);
    expect(await Promise.all(keys.map((key) => client.dumpBuffer(key)))).toEqual(before);
    expect(await client.pttl(keys[0] ?? '')).toBe(-1);
  });

  it('W1: lets a log without expiry expire with its session, whose own it does not touch (K5)', async () => {
    await plant('a', { expireIn: 20_000, logExpireIn: 20_000 });
    await client.persist(logKey('a'));
    const [before] = await deadlines('a');
    expect(await findings()).toMatchObject([{ fault: 'log_without_expiry', repairable: true }]);
    await repairAll();
    const [session, log] = await deadlines('a');
    expect(log).toBe(session);
    expect(Math.abs(session - before)).toBeLessThanOrEqual(2);
  });

  it("W1: reports an expiry beyond the session's ttl, and changes nothing", async () => {
    await plant('a', { ttl: 60, expireIn: 70_000 });
    expect(await findings()).toMatchObject([{ fault: 'expiry_beyond_ttl', repairable: false, detail: { ttl: 60 } }]);
  });

  it('W1: reports a log that expires apart from its session, and changes nothing (K5)', async () => {
    await plant('early', { expireIn: 50_000, logExpireIn: 10_000 });
    await plant('late', { expireIn: 10_000, logExpireIn: 50_000 });
    const found = await findings();
    expect(found.map(({ fault }) => fault)).toEqual(['expiring_apart', 'expiring_apart']);
    expect(found.some(({ repairable }) => repairable)).toBe(false);
  });

  it('W1: changes nothing when the fault has gone before its repair', async () => {
    await plant('a', {});
    const [finding] = await findings();
    if (!finding) throw new Error('nothing was found');
    await client.pexpire(sessionKey('a'), 7_000);
    await client.pexpire(logKey('a'), 7_000);
    expect(await audit.repair(finding)).toBe(false);
    expect(await client.pttl(sessionKey('a'))).toBeLessThanOrEqual(7_000);
  });

  it('looks only at keys that are sessions and their logs', async () => {
    await client.set('session:not one of ours', 'x');
    await client.set('holdfast:audit', 'x');
    await client.set('{session:a}:tombstone', 'x');
    await client.set('{session:a}:quarantine:1:session', 'x');
    const { looked, findings: found } = await audit.inspect(await client.keys('*'));
    expect(looked).toEqual({ sessions: 0, logs: 0 });
    expect(found).toEqual([]);
  });
});

/** Custom data that Lua's JSON library reads wrongly, or not at all. */
const CUSTOM: [what: string, data: CustomData][] = [
  ['no custom data', {}],
  ['empty lists and objects', { list: [], object: {} }],
  ['a lone surrogate', { text: 'cut \ud83d' }],
  ['a nesting of 1200 levels', { deep: JSON.parse(`${'['.repeat(1_200)}${']'.repeat(1_200)}`) }],
  ['the end of another session', { text: '},"created_at":1.5,"ttl":7,"epoch":"x","retried":7}' }],
];

describe.each(CUSTOM)('the expiry audit of a session that the store wrote, with %s', (_what, custom) => {
  const ttl = 90;
  const messages = ['m1', 'm2'].map((id) => ({ id, senderKey: 'ana', head: '"content":"hello","timestamp":' }));
  /** What wrote the session last: each leaves another form of its JSON. */
  const writers: [what: string, write: (store: RedisSessionStore) => Promise<unknown>][] = [
    ['created', () => Promise.resolve()],
    ['opened', (store) => store.open('a')],
    ['appended to', (store) => store.append('a', { messages })],
    ['appended to, then left', (store) => store.append('a', { messages }).then(() => store.leave('a'))],
    [
      'appended to, then appended a retry to',
      async (store) => {
        await store.append('a', { messages });
        await store.append('a', {
          messages: [{ ...messages[0], id: 'm3', retry: 'anywhere' } as (typeof messages)[0]],
        });
      },
    ],
  ];

  it.each(writers)('W1: %s, gives it an expiry again, and its log the same (K5)', async (_how, write) => {
    const store = new RedisSessionStore(client);
    await store.create('a', { custom, ttl });
    await write(store);
    expect(await findings()).toEqual([]);
    await client.persist(sessionKey('a'));
    await client.persist(logKey('a'));
    const before = Date.now();
    expect(await findings()).toMatchObject([{ fault: 'session_without_expiry', repairable: true, detail: { ttl } }]);
    await repairAll();
    const [session, log] = await deadlines('a');
    expect(session).toBeGreaterThanOrEqual(before + ttl * 1_000 - 1_000);
    expect(session).toBeLessThanOrEqual(Date.now() + ttl * 1_000);
    if ((await client.exists(logKey('a'))) === 1) expect(log).toBe(session);
    expect(await findings()).toEqual([]);
    expect((await store.get('a'))?.custom).toEqual(custom);
  });
});

describe('the expiry audit of logs without a session', () => {
  async function plantOrphan(id: string): Promise<void> {
    await plant(id, {});
    await client.del(sessionKey(id));
  }

  it('W1: leaves such a log alone until it has been seen for AUDIT_GRACE_SECONDS, then removes it', async () => {
    const impatient = newAudit({ graceSeconds: 1 });
    await plantOrphan('a');
    expect(await findings(impatient)).toMatchObject([{ fault: 'orphan_log', sessionId: 'a', repairable: false }]);
    const [due] = await eventually('the grace to be over', async () => {
      const found = await findings(impatient);
      return found[0]?.repairable ? found : undefined;
    });
    expect(due?.detail['orphan_for_ms']).toBeGreaterThanOrEqual(1_000);
    if (due) expect(await impatient.repair(due)).toBe(true);
    expect(await client.keys('*')).toEqual([]);
  });

  it('W1: does not take a log whose session has come back', async () => {
    const impatient = newAudit({ graceSeconds: 0 });
    await plantOrphan('a');
    await findings(impatient);
    const [due] = await findings(impatient);
    expect(due).toMatchObject({ fault: 'orphan_log', repairable: true });
    await client.set(sessionKey('a'), json(60), 'EX', 60);
    if (due) expect(await impatient.repair(due)).toBe(false);
    expect(await client.exists(logKey('a'))).toBe(1);
  });

  it('W1: begins to wait anew when the log was written to meanwhile', async () => {
    const impatient = newAudit({ graceSeconds: 0 });
    await plantOrphan('a');
    await findings(impatient);
    await client.xadd(logKey('a'), '2-0', '', 'y",z');
    expect(await findings(impatient)).toMatchObject([{ fault: 'orphan_log', repairable: false }]);
    expect(await findings(impatient)).toMatchObject([{ fault: 'orphan_log', repairable: true }]);
  });

  it('W6: begins to wait anew when the mark is of the future: Redis has another clock now', async () => {
    const impatient = newAudit({ graceSeconds: 1 });
    await plantOrphan('a');
    await client.set(orphanKey('a'), `${Date.now() + 2 * 60 * 60 * 1_000} 1-0`, 'EX', 600);
    expect(await findings(impatient)).toMatchObject([{ fault: 'orphan_log', repairable: false }]);
    const [due] = await eventually('the grace to be over', async () => {
      const found = await findings(impatient);
      return found[0]?.repairable ? found : undefined;
    });
    expect(due?.detail['orphan_for_ms']).toBeGreaterThanOrEqual(1_000);
  });

  it('K5: its marks expire by themselves, after the next audits have seen them', async () => {
    await plantOrphan('a');
    await findings();
    const seconds = await client.ttl(orphanKey('a'));
    expect(seconds).toBeGreaterThan(60 + 300);
    expect(seconds).toBeLessThanOrEqual(60 + 2 * 300 + 60);
  });

  it('W4: writes nothing at all in a dry run, not even a mark', async () => {
    const dry = newAudit({ graceSeconds: 0, dryRun: true });
    await plantOrphan('a');
    expect(await findings(dry)).toMatchObject([{ fault: 'orphan_log', repairable: false }]);
    expect(await findings(dry)).toMatchObject([{ fault: 'orphan_log', repairable: false }]);
    expect(await client.keys('*')).toEqual([logKey('a')]);
  });
});
