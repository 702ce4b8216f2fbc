import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '@holdfast/protocol';
import { announcedRandom, eventually, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { duplicatesOf } from '../src/histories.js';
import {
  headOf,
  type LogEntry,
  logKey,
  messageName,
  type NewMessage,
  nameIndexKey,
  parseSession,
  sessionKey,
} from '../src/index.js';
import { entryText } from '../src/message-format.js';
import { delivered, filled, freshId, message, stored } from './messages.js';
import { setUpRedis, store, stores } from './real-redis.js';
import type { Store } from './stores.js';

setUpRedis({ sessionMaxBytes: 1_073_741_824 });

const HISTORY_MAX = 12;

/** What a step of a history does. Numbers choose among what there is, 0 the newest; see {@link History}. */
type Step =
  | { readonly do: 'send'; readonly count: number; readonly behind: number }
  | { readonly do: 'retry'; readonly names: readonly number[]; readonly after: number; readonly wrong: boolean }
  | { readonly do: 'keep' | 'deliver' }
  | { readonly do: 'fall back'; readonly keys: 'all' | 'session and log' | 'index'; readonly at: number }
  | { readonly do: 'lose'; readonly key: 'log' | 'session' | 'index' | 'all' }
  | { readonly do: 'heal' | 'fork'; readonly at: number; readonly most: number }
  | { readonly do: 'trim' | 'cut'; readonly at: number }
  | { readonly do: 'delete' };

const names = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 3 });
const at = fc.nat({ max: 12 });
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('send'),
      count: fc.integer({ min: 1, max: 3 }),
      behind: fc.nat({ max: 2 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('retry'), names, after: at, wrong: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('keep', 'deliver') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fall back'),
      keys: fc.constantFrom('all', 'session and log', 'session and log', 'index'),
      at: fc.nat({ max: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('lose'), key: fc.constantFrom('log', 'session', 'index', 'all') }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('heal', 'heal', 'fork'), at: fc.nat({ max: 1 }), most: at }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('trim', 'cut'), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete') }) },
) as fc.Arbitrary<Step>;

/** What a gateway has delivered: a position, and messages up to it without holes. */
interface Delivered {
  readonly position: Position;
  readonly entries: readonly LogEntry[];
}

type Dumps = ReadonlyMap<string, Buffer>;

/** One session that is sent into, lost, put back and damaged, with a store that looks for every duplicate in the index. */
class History {
  readonly #store: Store = stores.create({ historyMax: HISTORY_MAX, searchBytes: 0 });
  readonly #kept: Dumps[] = [];
  readonly #delivered: Delivered[] = [];
  readonly #sent: NewMessage[] = [];

  constructor(readonly id: string) {}

  async take(given: Step): Promise<void> {
    switch (given.do) {
      case 'send':
        return this.#append(
          Array.from({ length: given.count }, () => this.#newMessage()),
          given.behind,
        );
      case 'retry':
        return this.#append(await this.#retries(given), 0);
      case 'keep':
        this.#kept.push(await this.#dumps());
        return;
      case 'deliver':
        return this.#deliver();
      case 'fall back':
        return this.#fallBack(given.keys, this.#kept.at(-1 - given.at));
      case 'lose':
        await stores.client.del(this.#keys().filter((_, place) => given.key === 'all' || KEYS[place] === given.key));
        return this.#nextMoment();
      case 'heal':
        return this.#heal(given.at, given.most);
      case 'fork':
        return this.#fork(given.at, given.most);
      case 'trim':
        await stores.client.xtrim(logKey(this.id), 'MAXLEN', given.at);
        return;
      case 'cut':
        return this.#cut(given.at);
      case 'delete':
        await this.#store.remove(this.id);
    }
  }

  /** Appends, and compares the answer with what a search of the whole log finds. */
  async #append(messages: readonly NewMessage[], behind: number): Promise<void> {
    const { entries, state } = await this.#look();
    const newest = entries.at(-1 - behind);
    const position = state && newest ? { epoch: state.epoch, seq: newest.seq, id: newest.id } : undefined;
    const expected = state
      ? duplicatesOf(state, entries, { messages, ...(position && { position }) })
      : new Map<string, LogEntry>();
    const result = await this.#store.append(this.id, { messages, ...(position && { position }) });
    if (result.outcome !== 'stored' || result.created) return;
    const found = new Map(expected);
    for (const [place, { seq, duplicate, isConflict }] of result.messages.entries()) {
      const sent = messages[place] as NewMessage;
      const earlier = found.get(messageName(sent));
      const isSame = earlier && headOf(earlier.body) === sent.head;
      const answer = { duplicate, isConflict, seq: duplicate ? seq : undefined };
      expect(answer).toEqual({
        duplicate: !!earlier,
        isConflict: earlier && !isSame ? true : undefined,
        seq: earlier?.seq,
      });
      if (!earlier) found.set(messageName(sent), { ...sent, seq, body: `${sent.head}1}` });
    }
  }

  async #retries(given: Extract<Step, { do: 'retry' }>): Promise<NewMessage[]> {
    const { entries, state } = await this.#look();
    const after = entries[given.after];
    const known = state && after && { epoch: state.epoch, seq: after.seq, id: given.wrong ? 'wrong' : after.id };
    return given.names.map((name) => ({
      ...(this.#sent.at(-1 - name) ?? this.#newMessage()),
      retry: known ?? 'anywhere',
    }));
  }

  /** Every seventh has the id and the sender of an earlier one, and another content. */
  #newMessage(): NewMessage {
    const count = this.#sent.length;
    const earlier = count % 7 === 6 ? this.#sent[count - 5] : undefined;
    const { id, senderKey } = earlier ?? { id: `n${count >> 1}`, senderKey: count % 2 === 0 ? 'ana' : 'bob' };
    const sent = message(id, { senderKey, content: earlier ? 'another' : 'text' });
    this.#sent.push(sent);
    return sent;
  }

  async #look() {
    const json = await stores.client.get(sessionKey(this.id));
    const { entries } = await this.#store.read(this.id, { from: 1, limit: 100 });
    return { entries, state: json === null ? undefined : parseSession(json) };
  }

  async #deliver(): Promise<void> {
    const { entries, state } = await this.#look();
    const newest = entries.at(-1);
    if (!state || !newest) return;
    this.#delivered.push({ position: { epoch: state.epoch, seq: newest.seq, id: newest.id }, entries });
  }

  /** Puts back what a gateway has delivered, as far as that is needed and fits, by the rules of G2. */
  async #heal(which: number, most: number): Promise<void> {
    const { position, entries = [] } = this.#delivered.at(-1 - which) ?? {};
    if (!position || !isWhole(entries)) return;
    const session = { createdAt: 1, ttl: 600, custom: {}, remainingMs: 60_000 };
    await this.#store.heal(this.id, { position, session, entries: entries.slice(-1 - most) });
  }

  async #fork(which: number, most: number): Promise<void> {
    const { position, entries = [] } = this.#delivered.at(-1 - which) ?? {};
    const { state } = await this.#look();
    if (!position || !state || !isWhole(entries)) return;
    const session = { createdAt: 1, ttl: 600, custom: {} };
    const given = { samePast: true, session, seq: position.seq, entries: entries.slice(-1 - most) };
    await this.#store.fork(this.id, { seenEpoch: state.epoch, ...given });
  }

  async #cut(which: number): Promise<void> {
    const { entries } = await this.#look();
    // Without its newest entry a log is put into quarantine.
    const entry = entries.slice(0, -1)[which];
    if (entry) await stores.client.xdel(logKey(this.id), `${entry.seq}-0`);
  }

  async #dumps(): Promise<Dumps> {
    const dumps = new Map<string, Buffer>();
    for (const key of this.#keys()) {
      const dump = await stores.client.dumpBuffer(key);
      if (dump) dumps.set(key, dump);
    }
    return dumps;
  }

  async #fallBack(which: string, dumps: Dumps | undefined): Promise<void> {
    if (!dumps) return;
    for (const [place, key] of this.#keys().entries()) {
      if (which !== 'all' && (which === 'index') !== (KEYS[place] === 'index')) continue;
      await stores.client.del(key);
      const dump = dumps.get(key);
      if (dump) await stores.client.restore(key, 600_000, dump);
    }
    return this.#nextMoment();
  }

  /** What is lost and stored anew has another time (G1). */
  async #nextMoment(): Promise<void> {
    await sleep(2);
  }

  #keys(): string[] {
    return [logKey(this.id), sessionKey(this.id), nameIndexKey(this.id)];
  }
}

/** What {@link History} keeps of a session, in the order of its keys. */
const KEYS = ['log', 'session', 'index'] as const;

function isWhole(entries: readonly LogEntry[]): boolean {
  return entries.every(({ seq }, place) => seq === (entries[0]?.seq ?? 0) + place);
}

describe('the index of names', () => {
  it('A4: finds what a search of the whole log finds, whatever was lost, put back, joined or damaged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 50, maxLength: 60, size: 'max' }), async (steps) => {
        const history = new History(freshId('index'));
        for (const given of steps) await history.take(given);
      }),
      { seed: announcedRandom('name index').seed, numRuns: runs(12) },
    );
  });
});

/** Rewrites a session as other releases, other programs and operators may. */
async function rewrite(id: string, entries: readonly LogEntry[], epoch: readonly [from: string, to: string]) {
  await stores.client.del(logKey(id));
  for (const { seq, senderKey, id: name, body } of entries) {
    await stores.client.xadd(logKey(id), `${seq}-0`, senderKey, entryText(name, body));
  }
  const json = (await stores.client.get(sessionKey(id))) ?? '';
  await stores.client.set(sessionKey(id), json.replace(...epoch), 'KEEPTTL');
}

describe('an index that does not fit its log', () => {
  const indexed = () => stores.create({ searchBytes: 0 });
  const retryOf = async (id: string, name: string) => {
    const { messages } = await stored(indexed(), id, { messages: [message(name, { retry: 'anywhere' })] });
    return messages;
  };
  let id: string;
  let entries: readonly LogEntry[];
  let epoch: string;

  beforeEach(async () => {
    id = freshId('misfit');
    ({ epoch } = await filled(store, id, 'm1', 'm2', 'm3', 'm4', 'm5', 'm6'));
    ({ entries } = await store.read(id, { from: 1, limit: 10 }));
  });
  const withOther = (seq: number) => entries.map((entry) => (entry.seq === seq ? delivered(seq, `x${seq}`) : entry));

  it('A4, G4: is made anew when the session has another epoch, though the log has its last entry', async () => {
    expect(await retryOf(id, 'm6')).toEqual([{ seq: 6, duplicate: true }]);
    await rewrite(id, withOther(3), [epoch, `${epoch}-forked`]);
    expect(await retryOf(id, 'x3')).toEqual([{ seq: 3, duplicate: true }]);
    expect(await retryOf(id, 'm3')).toEqual([{ seq: 7, duplicate: false }]);
  });

  it('A4, G1: is made anew when its last entry was stored anew, though id and number are the same', async () => {
    expect(await retryOf(id, 'm6')).toEqual([{ seq: 6, duplicate: true }]);
    const anew = withOther(3).map((entry) => (entry.seq === 6 ? delivered(6, 'm6') : entry));
    await rewrite(id, anew, [epoch, epoch]);
    expect(await retryOf(id, 'x3')).toEqual([{ seq: 3, duplicate: true }]);
    expect(await retryOf(id, 'm3')).toEqual([{ seq: 7, duplicate: false }]);
  });

  it('A4, G2: is made anew when entries were put back before those that it was made of', async () => {
    await stores.client.xtrim(logKey(id), 'MAXLEN', 3);
    expect(await retryOf(id, 'm6')).toEqual([{ seq: 6, duplicate: true }]);
    await rewrite(id, entries, [epoch, epoch]);
    expect(await retryOf(id, 'm2')).toEqual([{ seq: 2, duplicate: true }]);
  });

  it('A4, G2: is made anew when entries were put back that it had forgotten as trimmed', async () => {
    expect(await retryOf(id, 'm6')).toEqual([{ seq: 6, duplicate: true }]);
    await stores.client.xtrim(logKey(id), 'MAXLEN', 3);
    await filled(store, id, 'm7');
    expect(await retryOf(id, 'm7')).toEqual([{ seq: 7, duplicate: true }]);
    const newest = await store.read(id, { newest: 1 });
    await rewrite(id, [...entries, ...newest.entries], [epoch, epoch]);
    expect(await retryOf(id, 'm2')).toEqual([{ seq: 2, duplicate: true }]);
  });

  it('A4: is made anew when an entry that it names is gone, and what it does not name is not there', async () => {
    expect(await retryOf(id, 'm6')).toEqual([{ seq: 6, duplicate: true }]);
    await stores.client.xdel(logKey(id), '3-0');
    expect(await retryOf(id, 'm3')).toEqual([{ seq: 7, duplicate: false }]);
    expect(await retryOf(id, 'm3')).toEqual([{ seq: 7, duplicate: true }]);
  });

  it('A4: is made anew when it was lost, alone or with its log', async () => {
    expect(await retryOf(id, 'm6')).toEqual([{ seq: 6, duplicate: true }]);
    await stores.client.del(nameIndexKey(id));
    expect(await retryOf(id, 'm2')).toEqual([{ seq: 2, duplicate: true }]);
    await stores.client.del(logKey(id));
    await filled(store, id, 'm7', 'm8', 'm9');
    expect(await retryOf(id, 'm8')).toEqual([{ seq: 8, duplicate: true }]);
    expect(await retryOf(id, 'm2')).toEqual([{ seq: 10, duplicate: false }]);
  });
});

/** How many entries scripts have read of a log at most during a step, and the calls of append scripts. */
async function readsOf(id: string, step: () => Promise<unknown>): Promise<{ entries: number; commands: string[] }> {
  const monitor = await stores.client.monitor();
  let entries = 0;
  let isOver = false;
  const commands: string[] = [];
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    const [command = '', key, from, to, , count = '1'] = args;
    if (args[1] === 'end of step') isOver = true;
    if (source !== 'lua') return;
    commands.push(command.toUpperCase());
    if (/^xrev|^xrange/i.test(command) && key === logKey(id)) entries += from === to ? 1 : Number(count);
  });
  await step();
  await stores.client.echo('end of step');
  await eventually('the step to be seen', () => isOver, { everyMs: 2 });
  monitor.disconnect();
  return { entries, commands };
}

const COPY_FIRST = `
local pair = redis.call('XRANGE', KEYS[2], 1, 1)[1][2]
for seq = 2, ARGV[1] do
  redis.call('XADD', KEYS[2], seq .. '-0', pair[1], 'm' .. seq .. string.sub(pair[2], 3))
end
local json = redis.call('GET', KEYS[1])
json = string.gsub(string.gsub(json, '"(%a+)":1([,}])', '"%1":' .. ARGV[1] .. '%2'), '"m1"', '"m' .. ARGV[1] .. '"')
redis.call('SET', KEYS[1], json, 'KEEPTTL')`;

describe('a long history of large messages', () => {
  const MESSAGES = 400;
  /** 16 KiB that are six times as much in JSON. */
  const content = '\u0001'.repeat(16_384);
  let id: string;
  let epoch: string;

  beforeAll(async () => {
    id = freshId('large');
    epoch = (await stored(store, id, { messages: [message('m1', { content })] })).epoch;
    // The others are copies of the first one, which Redis makes by itself: it is quicker than to send them.
    await stores.client.eval(COPY_FIRST, 2, sessionKey(id), logKey(id), MESSAGES);
    expect((await store.read(id, { newest: 1 })).entries).toMatchObject([{ seq: MESSAGES, id: `m${MESSAGES}` }]);
  });

  const answerTo = async (retry: NewMessage) => (await stored(store, id, { messages: [retry] })).messages;

  it('A4: the first retry is answered after the log was read once, in parts of about 1 MiB', async () => {
    const { entries, commands } = await readsOf(id, async () => {
      const other = message('m250', { content: 'another', retry: 'anywhere' });
      expect(await answerTo(other)).toEqual([{ seq: 250, duplicate: true, isConflict: true }]);
    });
    expect(entries).toBeLessThan(MESSAGES * 1.5);
    expect(commands.filter((command) => command === 'TIME').length).toBeGreaterThan(30);
  });

  it('A4: each later retry reads a handful of entries, whatever position it names, and a back end’s send too', async () => {
    const position = (seq: number, name: string) => ({ epoch, seq, id: name });
    const kinds: ((at: number) => NewMessage)[] = [
      (at) => message(`m${at * 7}`, { content, retry: 'anywhere' }),
      (at) => message(`m${at * 7}`, { content, retry: position(at * 7 - 1, `m${at * 7 - 1}`) }),
      (at) => message(`m${at * 7}`, { content, retry: position(at, 'bogus') }),
      (at) => message(`new${at}`, { content, retry: position(3, 'm3') }),
      (at) => message(`unknown${at}`, { content: 'short' }),
    ];
    for (let at = 1; at <= 50; at++) {
      const send = kinds[at % kinds.length]?.(at) as NewMessage;
      const { entries, commands } = await readsOf(id, async () => {
        const isOld = send.id.startsWith('m');
        expect(await answerTo(send)).toMatchObject([isOld ? { seq: at * 7, duplicate: true } : { duplicate: false }]);
      });
      expect(entries).toBeLessThanOrEqual(16);
      expect(commands.filter((command) => command === 'TIME')).toHaveLength(1);
    }
  });

  it('A4: the index is small, expires, and has the bounds of the log', async () => {
    expect(await stores.client.pttl(nameIndexKey(id))).toBeGreaterThan(3_000_000);
    const length = await stores.client.zcard(nameIndexKey(id));
    expect(length).toBeLessThanOrEqual((await stores.client.xlen(logKey(id))) + 1);
    expect(Number(await stores.client.memory('USAGE', nameIndexKey(id)))).toBeLessThan(200 * MESSAGES);
  });

  it('A4, A1: reads come before writes where the index is used, and a first send does not touch it', async () => {
    const { commands } = await readsOf(id, () => answerTo(message('late', { content, retry: 'anywhere' })));
    const firstWrite = commands.findIndex((command) => /^(X|Z)ADD|^SET|^PEXPIRE|^ZREM|^DEL/.test(command));
    expect(commands.slice(firstWrite).filter((command) => /RANGE$|SCORE$|^GET|XLEN/.test(command))).toEqual([]);
    const newest = await store.read(id, { newest: 1 });
    const [last] = newest.entries;
    const position = { epoch, seq: last?.seq ?? 0, id: last?.id ?? '' };
    const first = await readsOf(id, () => stored(store, id, { position, messages: [message('first', { content })] }));
    expect(first.commands.filter((command) => command.startsWith('Z'))).toEqual([]);
  });
});

describe('the key of the index', () => {
  it('A4: is forgotten with the session, whichever way that ends, and is no key that others may hold', async () => {
    const indexed = stores.create({ searchBytes: 0 });
    const ends: ((id: string, epoch: string) => Promise<unknown>)[] = [
      (id) => indexed.remove(id),
      (id, epoch) => indexed.bury(id, epoch, 10_000),
      async (id) => {
        await stores.client.set(sessionKey(id), 'garbage');
        await filled(indexed, id, 'm9');
      },
    ];
    for (const end of ends) {
      const id = freshId();
      const { epoch } = await filled(indexed, id, 'm1', 'm2', 'm3');
      await stored(indexed, id, { messages: [message('m2', { retry: 'anywhere' })] });
      expect(await stores.client.zrange(nameIndexKey(id), '1', '-1')).toEqual(['ana m1', 'ana m2', 'ana m3']);
      await end(id, epoch);
      expect(await stores.client.exists(nameIndexKey(id))).toBe(0);
    }
    const id = freshId();
    await filled(indexed, id, 'm1', 'm2', 'm3');
    await stores.client.set(nameIndexKey(id), 'of another type');
    const retry = message('m3', { retry: 'anywhere' });
    expect((await stored(indexed, id, { messages: [retry] })).messages).toEqual([{ seq: 3, duplicate: true }]);
    expect(await stores.client.type(nameIndexKey(id))).toBe('zset');
  });
});
