import { announcedRandom, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logKey, RESERVED_FIELDS, SessionCorruptError, sessionKey } from '../src/index.js';
import { filled, freshId, keptIds } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

setUpRedis();

const deep = `${'['.repeat(500)}${']'.repeat(500)}`;
const tail = '},"created_at":1.5,"ttl":1,"epoch":"x","retried":7}';

/** Custom fields as another writer may have put them, which no JSON library would write the same way again. */
const FIELDS: Record<string, string> = {
  'empty lists and objects': '"list":[],"object":{},"nested":[[],{},[{}]]',
  'numbers that are too long, or have a fraction of 0': '"id":12345678901234567,"version":1.0,"big":1e400,"neg":-0.0',
  'deep nesting': `"deep":${deep}`,
  'a text with the end of a session in it': `"text":${JSON.stringify(tail)}`,
  'an object with the end of a session in it': `"inner":{"data":{"count":9${tail}`,
  'names that are the session’s own': '"created_at":"x","ttl":{"ttl":1},"epoch":[],"retried":null',
  'the beginning of a session':
    '"{\\"data\\":{\\"count\\":5,\\"last_activity\\":7":{"data":{"count":1,"last_activity":2}}',
  'a name like disconnected_at': '"disconnected_at2":5,"a":"\\"disconnected_at\\":5"',
  'patterns and escapes': '"%d+":"%1 %% $& \\\\ \\u0000 \\u2028","é":"世界 🌍","":""',
  'spaces and the same name twice': '"a" : 1 , "a":\t2',
};

/** Writes a session whose custom fields are exactly these bytes. */
async function sessionWith(fields: string): Promise<string> {
  const id = freshId();
  await filled(store, id, 'm1');
  const json = (await stores.client.get(sessionKey(id))) ?? '';
  const at = json.indexOf('},"created_at":');
  await stores.client.set(sessionKey(id), `${json.slice(0, at)},${fields}${json.slice(at)}`, 'KEEPTTL');
  return id;
}

/** What stands between the session's own fields at both ends. */
async function fieldsOf(id: string): Promise<string> {
  const json = (await stores.client.get(sessionKey(id))) ?? '';
  const head =
    /^\{"data":\{"count":\d+,"last_activity":\d+\.\d{3}(,"disconnected_at":\d+\.\d{3})?,/.exec(json)?.[0] ?? '';
  return json.slice(head.length, json.lastIndexOf('},"created_at":'));
}

describe('custom data', () => {
  it.each(Object.entries(FIELDS))('A1: keeps %s byte for byte through every step', async (_what, fields) => {
    const id = await sessionWith(fields);
    const steps = [
      () => filled(store, id, 'm2', 'm3'),
      () => store.leave(id),
      () => filled(store, id, 'm4'),
      () => store.leave(id),
      () => store.extend(id, 500),
      () => store.open(id),
    ];
    for (const step of steps) {
      await step();
      expect(await fieldsOf(id)).toBe(fields);
    }
    expect(await store.get(id)).toMatchObject({ count: 4, ttl: 500, custom: JSON.parse(`{${fields}}`) });
    expect(await keptIds(store, id)).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(await stores.client.keys(`${logKey(id).replace(':log', '')}:quarantine:*`)).toEqual([]);
  });

  it.each(Object.entries(FIELDS))('A1: a merge leaves %s alone', async (_what, fields) => {
    const id = await sessionWith(fields);
    expect((await store.merge(id, { added: [] }))?.custom).toEqual({ ...JSON.parse(`{${fields}}`), added: [] });
    expect(await fieldsOf(id)).toBe(`${fields},"added":[]`);
    await store.merge(id, { added: { '}"': 1 }, more: 'x' });
    await filled(store, id, 'm2');
    expect(await fieldsOf(id)).toBe(`${fields},"added":{"}\\"":1},"more":"x"`);
    expect(await store.get(id)).toMatchObject({ count: 2, ttl: 3600 });
  });

  it('A1: a merge replaces a field wherever it stands', async () => {
    const id = await sessionWith('"a":[1,{"b":"}"}],"b" : 2,"a":3,"c":""');
    await store.merge(id, { a: 1.5 });
    expect(await fieldsOf(id)).toBe('"b" : 2,"c":"","a":1.5');
    await store.merge(id, { b: null, c: [] });
    expect(await fieldsOf(id)).toBe('"a":1.5,"b":null,"c":[]');
  });

  it.each([
    ['"gr\\u00fc\\u00dfe":1,"b":2', { grüße: 3 }, '"b":2,"grüße":3'],
    ['"\\ud83d\\ude00":1', { '😀': 2 }, '"😀":2'],
    ['"a\\"b":1,"a":2', { 'a"b': 3 }, '"a":2,"a\\"b":3'],
    ['"\\ud800":1,"b":2', { '\ud800': 3 }, '"b":2,"\\ud800":3'],
    ['"a\\\\":"\\\\","b":2', { b: 3 }, '"a\\\\":"\\\\","b":3'],
  ])('A1: a merge knows the name of a field in any spelling (%s)', async (fields, patch, merged) => {
    const id = await sessionWith(fields);
    await store.merge(id, patch);
    expect(await fieldsOf(id)).toBe(merged);
  });

  it('A1: a merge replaces what it names and leaves the rest, whatever it is', async () => {
    const names = fc.string({ unit: 'binary', maxLength: 8 }).filter((name) => !RESERVED_FIELDS.includes(name));
    /** As it comes back from JSON: without a sign on zero. */
    const custom = fc
      .dictionary(names, fc.jsonValue({ maxDepth: 3 }))
      .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
    await fc.assert(
      fc.asyncProperty(custom, custom, async (had, patch) => {
        const id = freshId();
        await store.create(id, { custom: had });
        expect((await store.merge(id, patch))?.custom).toEqual({ ...had, ...patch });
      }),
      { seed: announcedRandom('merge').seed, numRuns: runs(300) },
    );
  });

  it.each(['"a":1,"b', '"a":[1', '"a":1}', 'a:1', '"a" 1', '"a":1,,"b":2'])(
    'A6: a merge refuses fields that cannot be told apart (%s), and writes nothing',
    async (fields) => {
      const id = await sessionWith(fields);
      await expect(store.merge(id, { b: 1 })).rejects.toThrow(SessionCorruptError);
      expect(await fieldsOf(id)).toBe(fields);
    },
  );

  it('A1: an append costs no more than the length of the data', async () => {
    const id = await sessionWith(`"text":"${'},\\"created_at\\":1'.repeat(1000)}"`);
    for (let n = 2; n < 50; n++) await filled(store, id, `m${n}`);
    expect((await store.get(id))?.count).toBe(49);
  });
});
