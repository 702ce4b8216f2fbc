import { describe, expect, it } from 'vitest';
import { logKey, type SessionLog, sessionKey, sizeKey } from '../src/index.js';
import { sized } from './log-bounds-contract.js';
import { freshId, keptIds, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

setUpRedis({ historyMax: 10, sessionMaxBytes: 1_000 });

/** Appends one message; answers the sender's position after it. */
async function append(
  log: SessionLog,
  id: string,
  name: string,
  bytes: number,
  from?: { epoch: string; seq: number; id: string },
) {
  const { epoch, messages } = await stored(log, id, {
    messages: [sized(name, bytes)],
    ...(from && { position: from }),
  });
  return { epoch, seq: messages[0]?.seq ?? 0, id: name };
}

/** The commands that an append sends to the keys of a session. */
async function commandsOf(step: () => Promise<unknown>): Promise<string[]> {
  const calls = async () =>
    Object.fromEntries(
      [...(await stores.client.info('commandstats')).matchAll(/cmdstat_(\S+?):calls=(\d+)/g)].map(
        ([, name = '', n]) => [name, Number(n)],
      ),
    );
  const before = await calls();
  await step();
  const after = await calls();
  return Object.keys(after).flatMap(
    (name) => Array(Math.max(0, (after[name] ?? 0) - (before[name] ?? 0))).fill(name) as string[],
  );
}

describe('the note of a log’s size', () => {
  it('K2, K5: is there as long as the log has a large message, expires with the session and is deleted with it', async () => {
    const id = freshId('size');
    let position = await append(store, id, 'a', 90);
    expect(await stores.client.exists(sizeKey(id))).toBe(0);
    position = await append(store, id, 'b', 101, position);
    const deadline = async (key: string) => Number(await stores.client.call('PEXPIRETIME', key));
    expect(await stores.client.get(sizeKey(id))).toBe(`${position.epoch} 2 b 2 191 2 0`);
    expect(await stores.client.get(sessionKey(id))).not.toContain('"kept"');
    expect(await deadline(sizeKey(id))).toBe(await deadline(sessionKey(id)));
    await store.extend(id, 77);
    expect(await deadline(sizeKey(id))).toBe(await deadline(sessionKey(id)));
    for (let n = 0; n < 9; n++) position = await append(store, id, `c${n}`, 90, position);
    expect(await stores.client.exists(sizeKey(id))).toBe(1);
    position = await append(store, id, 'd', 90, position);
    expect(await stores.client.exists(sizeKey(id))).toBe(0);
    expect(JSON.parse((await stores.client.get(sessionKey(id))) ?? '')).toMatchObject({ kept: 10, newest: 'd' });
    await append(store, id, 'e', 101, position);
    await store.remove(id);
    expect(await stores.client.exists(sizeKey(id))).toBe(0);
  });

  it('K2, A1: an ordinary append calls Redis as often as it would without the bound', async () => {
    const id = freshId('size');
    const position = await append(store, id, 'a', 90);
    const commands = await commandsOf(() => append(store, id, 'b', 90, position));
    expect(commands.filter((name) => !/info|eval|command/.test(name)).sort()).toEqual(
      ['get', 'pexpireat', 'publish', 'set', 'time', 'xadd', 'xlen'].sort(),
    );
  });

  it('K2: an append to a log with large messages reads the entries that it trims, and not the log', async () => {
    const id = freshId('size');
    const roomy = stores.create({ historyMax: 1_000, sessionMaxBytes: 100_000 });
    let position = await append(roomy, id, 'a', 200);
    for (let n = 0; n < 40; n++) position = await append(roomy, id, `b${n}`, 3_000, position);
    const commands = await commandsOf(() => append(roomy, id, 'c', 3_000, position));
    expect(commands.filter((name) => /^x.*range/.test(name)).sort()).toEqual(['xrange', 'xrevrange']);
  });

  it.each([
    [
      'another release has appended',
      ['m3', 'm4'],
      (id: string) =>
        stores.client.xadd(
          logKey(id),
          '4-0',
          'ana',
          `m4","content":"${'c'.repeat(300)}","sender":"ana","timestamp":1}`,
        ),
    ],
    ['it is lost', ['m2', 'm3'], (id: string) => stores.client.del(sizeKey(id))],
    ['it cannot be read', ['m2', 'm3'], (id: string) => stores.client.set(sizeKey(id), 'nonsense')],
  ])('K2: the log is counted anew where %s', async (_what, expected, disturb) => {
    const id = freshId('size');
    let position = await append(store, id, 'm1', 400);
    position = await append(store, id, 'm2', 300, position);
    await append(store, id, 'm3', 200, position);
    await disturb(id);
    const count = await stores.client.xlen(logKey(id));
    const json = (await stores.client.get(sessionKey(id))) ?? '';
    await stores.client.set(sessionKey(id), json.replace('"count":3', `"count":${count}`), 'KEEPTTL');
    await append(store, id, 'last', 400);
    expect(await keptIds(store, id)).toEqual([...expected, 'last']);
  });

  it('K2: a log that was filled under a higher limit is trimmed with the next large message', async () => {
    const id = freshId('size');
    const roomy = stores.create({ historyMax: 10, sessionMaxBytes: 100_000 });
    await stored(roomy, id, { messages: Array.from({ length: 9 }, (_, at) => sized(`m${at}`, 1_000)) });
    await append(store, id, 'last', 110);
    expect(await keptIds(store, id)).toEqual(['last']);
  });
});
