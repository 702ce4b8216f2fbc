import type { Position } from '@holdfast/protocol';
import { announcedRandom, runs, stopAll } from '@holdfast/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LivePayload, LogEntry, NewMessage } from '../src/index.js';
import { delivered, freshId, message } from './messages.js';
import {
  type Heard,
  memoryStores,
  type RedisStores,
  redisStores,
  type Store,
  type StoreOptions,
  type Stores,
} from './stores.js';

/** What a gateway has delivered, without holes. */
interface Tail {
  readonly first: number;
  readonly length: number;
  readonly marks: string;
}

/** A position as a step names it: one that was reached before, perhaps with something wrong. */
interface Place {
  readonly at: number;
  readonly wrong?: 'epoch' | 'seq' | 'id' | undefined;
}

interface Text {
  readonly id: string;
  readonly senderKey: string;
  readonly content: string;
  readonly retry?: Place | 'anywhere' | undefined;
}

type Step =
  | { readonly do: 'open'; readonly epoch?: number | undefined; readonly known?: boolean | undefined }
  | { readonly do: 'heal'; readonly from: Place; readonly tail: Tail; readonly custom: object }
  | {
      readonly do: 'fork';
      readonly from: Place;
      readonly tail: Tail;
      readonly custom: object;
      readonly samePast: boolean;
    }
  | { readonly do: 'bury'; readonly epoch: number }
  | { readonly do: 'append'; readonly from?: Place | undefined; readonly texts: readonly Text[] }
  | { readonly do: 'read'; readonly from: number; readonly limit: number; readonly maxBytes: number }
  | { readonly do: 'newest'; readonly limit: number }
  | {
      readonly do: 'create' | 'put';
      readonly count: number;
      readonly ttl?: number | undefined;
      readonly custom: object;
    }
  | { readonly do: 'merge'; readonly custom: object }
  | { readonly do: 'extend'; readonly ttl?: number | undefined }
  | { readonly do: 'leave' | 'remove' | 'get' | 'list' | 'listen' };

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const place = fc.record({
  at: fc.nat({ max: 5 }),
  wrong: fc.constantFrom(undefined, undefined, undefined, 'id', 'id', 'epoch', 'seq'),
}) as fc.Arbitrary<Place>;
const tail = fc.record({
  first: fc.integer({ min: 1, max: 6 }),
  length: fc.nat({ max: 5 }),
  marks: fc.constantFrom('', '', 'b'),
});
/** Where a room usually appends from. */
const newest = fc.constant<Place>({ at: 0 });
const text = fc.record({
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  senderKey: fc.constantFrom('ana', 'bob', ''),
  content: fc.constantFrom('ü\n', 'ü\n', 'ü\n', 'x'.repeat(120), '\u0001'.repeat(70)),
  retry: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant('anywhere' as const) },
    { weight: 4, arbitrary: place },
  ),
});
/** With 0, Redis looks for every duplicate in the index. */
const searchBytes = fc.constantFrom(0, 4_096);
/** SESSION_MAX_BYTES: some messages are above a quarter of it, and few together below it; or no bound. */
const bytes = fc.constantFrom(450, 600, 1_000_000);
const ttl = optional(fc.constantFrom(100, 2000));
const custom = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.constantFrom([], {}, 'text', 1.5, { list: [{}] }));
const texts = fc.array(text, { maxLength: 3 });
const append = fc.record({ do: fc.constant('append'), from: optional(fc.oneof(newest, place)), texts });
const heal = fc.record({ do: fc.constant('heal'), from: fc.oneof(newest, place), tail, custom });
const fork = fc.record({
  do: fc.constant('fork'),
  from: fc.oneof(newest, place),
  tail,
  custom,
  samePast: fc.boolean(),
});
const step = fc.oneof(
  { weight: 12, arbitrary: append },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open'),
      epoch: optional(fc.nat({ max: 3 })),
      known: optional(fc.boolean()),
    }),
  },
  { weight: 4, arbitrary: heal },
  {
    weight: 3,
    arbitrary: fork,
  },
  fc.record({ do: fc.constant('bury'), epoch: fc.nat({ max: 3 }) }),
  fc.record({
    do: fc.constant('read'),
    from: fc.integer({ min: 1, max: 9 }),
    limit: fc.nat({ max: 5 }),
    maxBytes: fc.nat({ max: 400 }),
  }),
  fc.record({ do: fc.constant('newest'), limit: fc.nat({ max: 5 }) }),
  fc.record({ do: fc.constantFrom('create', 'put'), count: fc.nat({ max: 5 }), ttl, custom }),
  fc.record({ do: fc.constant('merge'), custom }),
  fc.record({ do: fc.constant('extend'), ttl }),
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('leave', 'remove', 'get', 'list', 'listen') }) },
) as fc.Arbitrary<Step>;

/** Steps that write to the log, or tell of it: what its two bounds leave depends on several of them in a row (K2). */
const logStep = fc.oneof(
  { weight: 12, arbitrary: append },
  { weight: 4, arbitrary: heal },
  {
    weight: 3,
    arbitrary: fork,
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('newest'), limit: fc.constant(5) }) },
  fc.record({ do: fc.constantFrom('create', 'put'), count: fc.nat({ max: 5 }), custom }),
) as fc.Arbitrary<Step>;

/** As a gateway remembers a session. */
const WAS = { createdAt: 1_700_000_000.5, ttl: 300 };

function entriesOf({ first, length, marks }: Tail): LogEntry[] {
  return Array.from({ length }, (_, at) => delivered(first + at, `m${first + at}${marks}`));
}

/** A payload with all that its messages tell when they are asked. */
function told(payload: LivePayload): unknown {
  if (payload.kind !== 'stored') return payload;
  const messages = payload.messages.map(({ seq, id, senderKey, frame }) => ({ seq, id, senderKey, frame }));
  return { ...payload, messages };
}

/** One store going through the steps. Epochs and times differ between stores: what it answers is told without them. */
class Run {
  readonly heard: unknown[] = [];
  readonly #store: Store;
  readonly #epochs: string[] = [];
  readonly #places: Position[] = [];
  #listening: Heard | undefined;

  constructor(
    readonly stores: Stores,
    readonly sessionId: string,
    options: StoreOptions,
  ) {
    this.#store = stores.create({ historyMax: 4, defaultTtl: 500, ...options });
  }

  async take(given: Step): Promise<unknown> {
    return this.#plain(await this.#call(given));
  }

  /** @param count how many payloads there are to come at least */
  async stopListening(count: number): Promise<void> {
    const payloads = (await this.#listening?.payloads(count)) ?? [];
    await this.#listening?.stop();
    this.#listening = undefined;
    this.heard.push(...(this.#plain(payloads.map(told)) as unknown[]));
  }

  async #call(given: Step): Promise<unknown> {
    const store = this.#store;
    const id = this.sessionId;
    switch (given.do) {
      case 'open':
        return this.#open(given.epoch, given.known);
      case 'heal': {
        const known = this.#position(given.from);
        return store.heal(id, {
          position: { ...known, epoch: known.epoch || 'lost' },
          session: { ...WAS, custom: { ...given.custom }, remainingMs: 70_000 },
          entries: entriesOf(given.tail),
        });
      }
      case 'fork': {
        const { samePast } = given;
        const session = { ...WAS, custom: { ...given.custom } };
        const seenEpoch = this.#position(given.from).epoch;
        const entries = entriesOf(given.tail);
        const seq = entries.at(-1)?.seq ?? given.tail.first;
        return store.fork(id, { seenEpoch, samePast, session, seq, entries });
      }
      case 'bury':
        return store.bury(id, this.#epochs[given.epoch] ?? 'none', 50_000);
      case 'append':
        return this.#append(given.from, given.texts);
      case 'read':
        return store.read(id, { from: given.from, limit: given.limit, maxBytes: given.maxBytes });
      case 'newest':
        return store.read(id, { newest: given.limit });
      case 'create':
        return store.create(id, { custom: { ...given.custom }, ...(given.ttl && { ttl: given.ttl }) });
      case 'put':
        return store.put(id, { count: given.count, custom: { ...given.custom }, ...(given.ttl && { ttl: given.ttl }) });
      case 'merge':
        return store.merge(id, { ...given.custom });
      case 'list':
        return store.list({ limit: 5, prefix: id });
      case 'listen':
        this.#listening ??= await this.stores.listen(id);
        return undefined;
      case 'extend':
        return store.extend(id, given.ttl);
      default:
        return store[given.do](id);
    }
  }

  #open(epoch: number | undefined, known: boolean | undefined): Promise<unknown> {
    const resumeEpoch = epoch === undefined ? undefined : this.#epochs[epoch];
    return this.#store.open(this.sessionId, { ...(resumeEpoch && { resumeEpoch }), ...(known && { known }) });
  }

  async #append(from: Place | undefined, texts: readonly Text[]): Promise<unknown> {
    const messages = texts.map(({ id, senderKey, content, retry }): NewMessage => {
      const position = retry === 'anywhere' ? retry : retry && this.#position(retry);
      return message(id, { senderKey, content, ...(position && { retry: position }) });
    });
    const position = from && this.#position(from);
    const result = await this.#store.append(this.sessionId, { messages, ...(position && { position }) });
    if (result.outcome === 'stored') {
      for (const [n, { seq }] of result.messages.entries()) {
        this.#places.push({ epoch: result.epoch, seq, id: texts[n]?.id ?? '' });
      }
    }
    return result;
  }

  #position({ at, wrong }: Place): Position {
    const reached = this.#places.at(-1 - at) ?? { epoch: this.#epochs[0] ?? '', seq: 0, id: '' };
    switch (wrong) {
      case 'epoch':
        return { ...reached, epoch: `${reached.epoch}x` };
      case 'seq':
        return { ...reached, seq: reached.seq + 3 };
      case 'id':
        return { ...reached, id: 'other' };
      default:
        return reached;
    }
  }

  #plain(value: unknown, name = ''): unknown {
    if (Buffer.isBuffer(value)) return this.#plain(value.toString(), 'body');
    if (Array.isArray(value)) return value.map((item) => this.#plain(item));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#plain(inner, key)]));
    }
    if (name === 'epoch') return `epoch ${this.#numberOf(String(value))}`;
    if (name === 'body') return String(value).replace(/\d{13}\}$/, 'TIME}');
    if (name === 'remainingMs') return Math.ceil(Number(value) / 20_000);
    return /^(lastActivity|createdAt|disconnectedAt)$/.test(name) ? 'time' : value;
  }

  #numberOf(epoch: string): number {
    if (!this.#epochs.includes(epoch)) this.#epochs.push(epoch);
    return this.#epochs.indexOf(epoch);
  }
}

describe('a session in memory and one in Redis', () => {
  let redis: RedisStores;
  beforeAll(async () => {
    redis = await redisStores();
  });
  afterAll(async () => {
    await redis.close();
    await stopAll();
  });

  async function compare(steps: readonly Step[], options: StoreOptions): Promise<void> {
    const id = freshId('model');
    const inMemory = new Run(memoryStores(), id, options);
    const inRedis = new Run(redis, id, options);
    for (const given of steps) {
      const expected = await inMemory.take(given);
      expect(await inRedis.take(given)).toEqual(expected);
    }
    await inMemory.stopListening(0);
    await inRedis.stopListening(inMemory.heard.length);
    expect(inRedis.heard).toEqual(inMemory.heard);
  }

  it('A1–A4, G2–G5, K1–K6: answer, keep and publish the same, whatever the steps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), bytes, searchBytes, (steps, sessionMaxBytes, readBytes) =>
        compare(steps, { sessionMaxBytes, searchBytes: readBytes }),
      ),
      { seed: announcedRandom('model').seed, numRuns: runs(200) },
    );
  });

  it('K2, G2, G4: trim the same, whatever was appended, put back and joined', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(logStep, { maxLength: 14 }), fc.constantFrom(450, 600), (steps, sessionMaxBytes) =>
        compare(steps, { sessionMaxBytes }),
      ),
      { seed: announcedRandom('model of a small log').seed, numRuns: runs(150) },
    );
  });
});
