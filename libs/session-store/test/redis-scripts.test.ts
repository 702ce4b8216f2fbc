import { readdirSync, readFileSync } from 'node:fs';
import { eventually } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { liveChannel, logKey, StorageUnavailableError, sessionKey } from '../src/index.js';
import { filled, freshId, keptIds, message, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

const LUA = new URL('../lua/', import.meta.url);
const READS = ['GET', 'XLEN', 'XREVRANGE', 'XRANGE', 'EXISTS', 'TIME', 'PTTL', 'PUBSUB'];

setUpRedis();

/** The commands that scripts ran during a step, in order. */
async function commandsOf(step: () => Promise<unknown>): Promise<string[]> {
  const monitor = await stores.client.monitor();
  const commands: string[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source === 'lua') commands.push(String(args[0]).toUpperCase());
    if (args[1] === 'end of step') commands.push('END');
  });
  await step();
  await stores.client.echo('end of step');
  await eventually('the step to be seen', () => commands.at(-1) === 'END', { everyMs: 2 });
  monitor.disconnect();
  return commands.slice(0, -1);
}

describe('scripts', () => {
  it('A1: have exactly the keys of session and log, and say so in their names', () => {
    for (const file of readdirSync(LUA).filter((name) => /-\d+\.lua$/.test(name))) {
      const text = readFileSync(new URL(file, LUA), 'utf8');
      expect(file).toMatch(/-2\.lua$/);
      expect(text).toMatch(/KEYS\[1\] session {3}KEYS\[2\] log/);
      expect(text).not.toMatch(/KEYS\[[^12]\]/);
      expect(text).toMatch(/^Returns /m);
    }
  });

  it('A4: a first send reads the session and how long its log is, and nothing else', async () => {
    const id = freshId();
    const position = await filled(store, id, 'm1', 'm2');
    const write = ['XADD', 'SET', 'PEXPIREAT', 'PUBLISH'];
    expect(await commandsOf(() => stored(store, id, { position, messages: [message('m3')] }))).toEqual([
      ...['GET', 'XLEN', 'TIME'],
      ...write,
    ]);
  });

  it('A4: a first send that has not heard of the newest messages reads those, and nothing else', async () => {
    const id = freshId();
    const at2 = await filled(store, id, 'm1', 'm2');
    await filled(store, id, 'm3', 'm4');
    const commands = await commandsOf(() => stored(store, id, { position: at2, messages: [message('m5')] }));
    expect(commands.filter((command) => READS.includes(command))).toEqual(['GET', 'XLEN', 'XRANGE', 'TIME']);
    expect(await keptIds(store, id)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5']);
  });

  it('A4: one scan serves all retries of a call', async () => {
    const id = freshId();
    const at3 = await filled(store, id, 'm1', 'm2', 'm3');
    await filled(store, id, 'm4', 'm5');
    const retries = ['m4', 'm5', 'm6', 'm7'].map((name) => message(name, { retry: at3 }));
    const commands = await commandsOf(() => stored(store, id, { messages: retries }));
    expect(commands.filter((command) => command === 'XRANGE')).toHaveLength(1);
  });

  it('A1: all reads of an append come before all writes, also when something is wrong', async () => {
    const id = freshId();
    const at2 = await filled(store, id, 'm1', 'm2');
    const retry = { ...at2, seq: 1, id: 'other' };
    const damaged = freshId();
    await filled(store, damaged, 'm1');
    await stores.client.set(sessionKey(damaged), 'garbage');
    const runs = [
      await commandsOf(() => stored(store, id, { position: at2, messages: [message('m2', { retry }), message('m3')] })),
      await commandsOf(() => stored(store, freshId(), { messages: [message('m1')] })),
      await commandsOf(() => store.append(id, { position: { ...at2, id: 'other' }, messages: [message('m9')] })),
    ];
    for (const commands of runs) {
      const firstWrite = commands.findIndex((command) => !READS.includes(command));
      const rest = firstWrite < 0 ? [] : commands.slice(firstWrite);
      expect(rest.filter((command) => READS.includes(command))).toEqual([]);
    }
    // Whether there is something to put aside is seen only after the decision to.
    const aside = await commandsOf(() => filled(store, damaged, 'm2'));
    expect(aside.slice(0, 3)).toEqual(['TIME', 'GET', 'XREVRANGE']);
    expect(aside.filter((command) => command === 'XADD' || command === 'RENAME')).toHaveLength(3);
  });

  it('A3, K6: the payload is one line on the position, then a line with the sender and one with the frame', async () => {
    const id = freshId();
    const position = await filled(store, id, 'm1');
    const subscriber = stores.client.duplicate();
    const payload = new Promise<string>((resolve) => subscriber.once('message', (_channel, text) => resolve(text)));
    await subscriber.subscribe(liveChannel(id));
    const head = '"content":"a\\nb","sender":"ana","timestamp":';
    await store.append(id, {
      position,
      messages: [
        { id: 'm2', senderKey: 'k1', head },
        { id: 'm3', senderKey: '', head },
      ],
    });
    const lines = (await payload).split('\n');
    await subscriber.quit();
    const { entries } = await store.read(id, { from: 2, limit: 2 });
    expect(lines).toEqual([
      `m ${position.epoch} 2 m1`,
      'k1',
      `{"type":"message","seq":2,"id":"m2",${entries[0]?.body}`,
      '',
      `{"type":"message","seq":3,"id":"m3",${entries[1]?.body}`,
    ]);
    expect(entries[0]?.body).toMatch(/^"content":"a\\nb","sender":"ana","timestamp":\d{13}\}$/);
  });

  it('A1: a script that the server has forgotten is given to it again', async () => {
    const id = freshId();
    await filled(store, id, 'm1');
    await stores.client.script('FLUSH');
    await filled(store, id, 'm2');
    expect(await keptIds(store, id)).toEqual(['m1', 'm2']);
  });
});

describe('a Redis that is full', () => {
  it('A1: writes nothing half, keeps answering reads, and goes on when there is room again', async () => {
    const id = freshId();
    const position = await filled(store, id, 'm1');
    const other = freshId();
    const heard = await stores.listen(id);
    const before = await Promise.all([stores.client.get(sessionKey(id)), stores.client.xlen(logKey(id))]);
    const keys = await stores.client.dbsize();
    await stores.client.config('SET', 'maxmemory', '1');
    try {
      const steps = [
        () => store.append(id, { position, messages: [message('m2'), message('m3')] }),
        () => store.append(id, { messages: [message('m1', { retry: 'anywhere' })] }),
        () => store.append(other, { messages: [message('m1')] }),
        () => store.open(id),
        () => store.open(other),
        () => store.leave(id),
        () => store.extend(id, 10),
        () => store.merge(id, { a: 1 }),
        () => store.create(other, {}),
        () => store.put(id, { count: 9 }),
      ];
      for (const step of steps) await expect(step()).rejects.toThrow(StorageUnavailableError);
      expect((await store.read(id, { newest: 5 })).entries.map((entry) => entry.id)).toEqual(['m1']);
    } finally {
      await stores.client.config('SET', 'maxmemory', '0');
    }
    expect(await Promise.all([stores.client.get(sessionKey(id)), stores.client.xlen(logKey(id))])).toEqual(before);
    expect(await stores.client.dbsize()).toBe(keys);
    await filled(store, id, 'm2');
    const payloads = await heard.payloads(1);
    await heard.stop();
    expect(payloads).toMatchObject([{ kind: 'stored', before: position, messages: [{ seq: 2, id: 'm2' }] }]);
  });

  it('G5: still deletes, and remembers that it did', async () => {
    const id = freshId();
    const { epoch } = await filled(store, id, 'm1');
    await stores.client.config('SET', 'maxmemory', '1');
    try {
      expect(await store.remove(id)).toBe(true);
    } finally {
      await stores.client.config('SET', 'maxmemory', '0');
    }
    expect(await store.open(id, { resumeEpoch: epoch })).toBe('deleted');
  });

  it('A6: puts aside what is corrupt whole or not at all', async () => {
    const id = freshId();
    await filled(store, id, 'm1');
    await stores.client.set(sessionKey(id), 'garbage');
    await stores.client.config('SET', 'maxmemory', '1');
    const result = await store.append(id, { messages: [message('m2')] }).then(
      () => 'stored',
      () => 'refused',
    );
    await stores.client.config('SET', 'maxmemory', '0');
    if (result === 'stored') expect(await keptIds(store, id)).toEqual(['m2']);
    else expect(await stores.client.get(sessionKey(id))).toBe('garbage');
    expect((await stored(store, id, { messages: [message('m3')] })).messages).toHaveLength(1);
    expect((await store.get(id))?.count).toBe((await keptIds(store, id)).length);
  });
});
