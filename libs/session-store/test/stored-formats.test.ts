import { announcedRandom, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type CustomData,
  decodeLive,
  logEntryOf,
  logKey,
  parseSession,
  RESERVED_FIELDS,
  sessionKey,
} from '../src/index.js';
import { linkScript } from '../src/script.js';
import { customPartOf, renderCustom } from '../src/session-json.js';
import { freshId, message, openedAt, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';

/*
 * What the store writes, read by every reader there is: the TypeScript modules and the Lua parts. Nothing here is
 * written by hand, so a change of a format that one reader does not follow fails.
 */

setUpRedis();

/** Runs a text of Lua with functions of the parts. */
async function lua(script: string, ...args: (string | number)[]): Promise<unknown> {
  const text = linkScript(script, {
    historyMax: 1000,
    publish: 'PUBLISH',
    numsub: 'NUMSUB',
    stored: 'm',
    sealed: false,
  });
  return stores.client.eval(text, 0, ...args);
}

const PARSE_AND_RENDER = `-- @import customOf, parseSession, renderSession from session-json.lua
local session = parseSession(ARGV[1])
if not session then return 'not read' end
return { renderSession(session), session.count, session.ttl, session.epoch, session.retried, customOf(session) }`;

const READ_FOR_APPEND = `-- @import readForAppend, renderAppended from session-json.lua
local count, ttl, retried, kept, newestId, rest = readForAppend(ARGV[1], ARGV[2])
if not count then return 'not read' end
local lastActivity = string.match(ARGV[1], '"last_activity":([%d.]+)')
local json = renderAppended(string.format('%d', count), lastActivity, rest, string.format('%d', kept), newestId)
return { json, count, ttl, retried, kept, newestId }`;

interface Fixture {
  readonly id: string;
  readonly json: string;
  readonly custom: CustomData;
  /** Whether an append wrote the session last. */
  readonly appended: boolean;
}

const CUSTOM: Record<string, CustomData> = {
  'no custom data': {},
  'lists and objects': { list: [], object: {}, nested: [[], {}] },
  'a lone surrogate': { text: 'cut \ud83d', '\udc00': 1 },
  'a deep nesting': { deep: JSON.parse(`${'['.repeat(1_200)}${']'.repeat(1_200)}`) },
  'the ends of other sessions': {
    text: '},"created_at":1.5,"ttl":7,"epoch":"x","retried":7,"kept":1,"newest":"a"}',
    inner: { data: { count: 9, last_activity: 1 }, created_at: 1, ttl: 7, epoch: 'x', retried: 7 },
  },
};

/** The steps that write a session; `appended` tells of those that an append ends. */
const WRITERS: Record<string, { appended: boolean; write: (id: string, custom: CustomData) => Promise<unknown> }> = {
  created: { appended: false, write: (id, custom) => store.create(id, { custom }) },
  put: { appended: false, write: (id, custom) => store.put(id, { custom, count: 99_999_999_999, ttl: 315_360_000 }) },
  opened: {
    appended: false,
    write: async (id, custom) => {
      await store.create(id, { custom });
      await openedAt(store, id);
    },
  },
  'appended to': {
    appended: true,
    write: async (id, custom) => {
      await store.create(id, { custom, ttl: 90 });
      await stored(store, id, { messages: [message('m1'), message('m2')] });
    },
  },
  'appended to by the ordinary append': {
    appended: true,
    write: async (id, custom) => {
      await store.create(id, { custom });
      const { epoch } = await stored(store, id, { messages: [message('m1')] });
      await stored(store, id, { position: { epoch, seq: 1, id: 'm1' }, messages: [message('m'.repeat(64))] });
    },
  },
  'appended a retry to': {
    appended: true,
    write: async (id, custom) => {
      await store.put(id, { custom, count: 99_999_999_999 });
      await stored(store, id, { messages: [message('m1', { retry: 'anywhere' })] });
    },
  },
  'appended to while nobody was connected': {
    appended: true,
    write: async (id, custom) => {
      await store.create(id, { custom });
      await store.leave(id);
      await stored(store, id, { messages: [message('m1')] });
    },
  },
  'left after an append': {
    appended: true,
    write: async (id, custom) => {
      await store.create(id, { custom });
      await stored(store, id, { messages: [message('m1')] });
      await store.leave(id);
    },
  },
  merged: {
    appended: true,
    write: async (id, custom) => {
      await store.create(id, {});
      await stored(store, id, { messages: [message('m1')] });
      await store.merge(id, custom);
    },
  },
};

async function fixtureOf(write: string, custom: CustomData): Promise<Fixture> {
  const id = freshId();
  const writer = WRITERS[write];
  await writer?.write(id, custom);
  return { id, json: (await stores.client.get(sessionKey(id))) ?? '', custom, appended: writer?.appended ?? false };
}

describe.each(Object.entries(CUSTOM))('the JSON of a session with %s', (_what, custom) => {
  describe.each(Object.keys(WRITERS))('that was %s', (write) => {
    let fixture: Fixture;
    beforeAll(async () => {
      fixture = await fixtureOf(write, custom);
    });

    it('K1: is read by TypeScript as JSON tells', () => {
      const { data, created_at: createdAt, ttl, epoch, retried } = JSON.parse(fixture.json);
      const { count, last_activity: lastActivity, disconnected_at: disconnectedAt, ...fields } = data;
      expect(fields).toEqual(custom);
      const away = disconnectedAt === undefined ? {} : { disconnectedAt };
      expect(parseSession(fixture.json)).toEqual({
        ...{ count, lastActivity, custom, createdAt, ttl, epoch, retried },
        ...away,
      });
      expect(customPartOf(fixture.json)).toBe(renderCustom(custom));
    });

    it('K1, A1: is read by Lua, and written again byte for byte', async () => {
      const { data, ttl, epoch, retried } = JSON.parse(fixture.json);
      const read = await lua(PARSE_AND_RENDER, fixture.json);
      expect(read).toEqual([fixture.json, data.count, ttl, epoch, retried, renderCustom(custom)]);
    });

    it('A1: is read by the ordinary append when an append wrote it last, and written again byte for byte', async () => {
      const { data, ttl, epoch, retried, kept, newest } = JSON.parse(fixture.json);
      const read = await lua(READ_FOR_APPEND, fixture.json, epoch);
      if (fixture.appended) {
        expect(read).toEqual([fixture.json, data.count, String(ttl), retried, kept, newest]);
        expect(kept).toBe(await stores.client.xlen(logKey(fixture.id)));
      } else expect(read).toBe('not read');
      expect(await lua(READ_FOR_APPEND, fixture.json, `${epoch}0`)).toBe('not read');
    });
  });
});

describe.each(Object.keys(WRITERS))('the damaged JSON of a session that was %s', (write) => {
  it('A6: is read alike by TypeScript and Lua, whichever byte is missing at its ends', async () => {
    const { json } = await fixtureOf(write, {});
    const middleAt = /^\{"data":\{"count":\d+,"last_activity":[\d.]+/.exec(json)?.[0].length ?? 0;
    const endAt = json.indexOf('},"created_at":');
    // In between are the fields that scripts do not look at (A1).
    const places = Array.from(json, (_byte, at) => at).filter((at) => at < middleAt || at >= endAt);
    // JSON has no number with a leading zero, while Lua reads one: no program writes it.
    const damaged = places.map((at) => json.slice(0, at) + json.slice(at + 1)).filter((text) => !/:0\d/.test(text));
    const byLua = await lua(
      `-- @import parseSession from session-json.lua
      local read = {}
      for at = 1, #ARGV do if parseSession(ARGV[at]) then read[#read + 1] = ARGV[at] end end
      return read`,
      ...damaged,
    );
    const byTypeScript = damaged.filter((text) => parseSession(text) !== undefined);
    expect(byLua).toEqual(byTypeScript);
    // Only a value may lack a byte: then it is another value of the same field.
    const fieldsOf = (text: string) => Object.entries(JSON.parse(text)).map(([name, value]) => [name, typeof value]);
    for (const text of byTypeScript) expect(fieldsOf(text)).toEqual(fieldsOf(json));
    expect(byTypeScript.length).toBeLessThan(damaged.length);
  });
});

describe('the JSON of a session with any custom data', () => {
  const fields = fc
    .dictionary(
      fc.string({ unit: 'binary', maxLength: 8 }).filter((name) => !RESERVED_FIELDS.includes(name)),
      fc.jsonValue({ maxDepth: 3 }),
    )
    .map((value) => JSON.parse(JSON.stringify(value)) as CustomData);

  it('K1: is read alike by TypeScript and Lua', async () => {
    await fc.assert(
      fc.asyncProperty(fields, async (custom) => {
        const { json } = await fixtureOf('appended to', custom);
        expect(parseSession(json)).toMatchObject({ count: 2, ttl: 90, custom });
        expect(await lua(PARSE_AND_RENDER, json)).toMatchObject([json, 2, 90, {}, 0, renderCustom(custom)]);
      }),
      { seed: announcedRandom('stored session').seed, numRuns: runs(60) },
    );
  });
});

describe('a stored message', () => {
  it('K2, A3: is one message in the log, in Lua and in the payload', async () => {
    const id = freshId();
    const heard = await stores.listen(id);
    await stored(store, id, {
      messages: [
        message('a', { content: 'zeile\n"quoted" 世界 🌍' }),
        message('b'.repeat(64), { senderKey: '' }),
        message('c', { retry: 'anywhere' }),
      ],
    });
    const [payload] = await heard.payloads(1);
    await heard.stop();
    const { entries } = await store.read(id, { from: 1, limit: 10 });
    expect(entries.map((entry) => entry.id)).toEqual(['a', 'b'.repeat(64), 'c']);
    if (payload?.kind !== 'stored') throw new Error('no stored messages were published');
    expect(payload.messages.map(logEntryOf)).toEqual(entries);
    const byLua = await stores.client.eval(
      linkScript(`-- @import readEntry, textOf, timeOf from messages.lua
      local read = {}
      for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
        local seq, id, senderKey, body = readEntry(entry)
        if textOf(id, body) ~= entry[2][2] then return 'written otherwise' end
        read[#read + 1] = { seq, id, senderKey, body, timeOf(body) }
      end
      return read`),
      1,
      logKey(id),
    );
    const expected = entries.map(({ seq, id: name, senderKey, body }) => {
      return [seq, name, senderKey, body, JSON.parse(`{${body}`).timestamp];
    });
    expect(byLua).toEqual(expected);
  });

  it('G2: is published by a heal as the append published it', async () => {
    const id = freshId();
    const heard = await stores.listen(id);
    const opened = await openedAt(store, id);
    await stored(store, id, { messages: [message('a'), message('b', { senderKey: '' })] });
    const { session, entries } = await store.read(id, { from: 1, limit: 10 });
    await stores.client.del(sessionKey(id), logKey(id));
    const position = { epoch: opened.session.epoch, seq: 2, id: 'b' };
    if (!session) throw new Error('there is no session');
    expect(await store.heal(id, { position, session, entries })).toMatchObject({ outcome: 'healed', count: 2 });
    const [appended, healed] = await heard.payloads(2);
    await heard.stop();
    expect(healed).toEqual(appended);
    expect((await store.read(id, { from: 1, limit: 10 })).entries).toEqual(entries);
  });

  it('C6: a payload that another release published is not read', () => {
    expect(decodeLive(Buffer.from('x 1\nof another release'))).toBeUndefined();
  });
});
