import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeStorage, fakeNetwork } from '../test/harness.js';
import { ChatStore } from './chat-store.js';

const UNSTORED = { persistence: 'none', epoch: null, ttl: null, remainingTtl: null } as const;
const KEY = 'holdfast:room:messages';

let events: EventTarget;

beforeEach(() => {
  events = new EventTarget();
  vi.stubGlobal('document', Object.assign(new EventTarget(), { visibilityState: 'visible' }));
  vi.stubGlobal('addEventListener', events.addEventListener.bind(events));
  vi.stubGlobal('removeEventListener', events.removeEventListener.bind(events));
});

afterEach(() => vi.unstubAllGlobals());

/** Tells every tab of a change, as the browser does a little after it. */
function tellTabs(key: string | null = KEY): void {
  events.dispatchEvent(Object.assign(new Event('storage'), { key }));
}

/** A tab of a session that only the browser keeps. */
function openTab(storage: FakeStorage, options: { maxMessages?: number } = {}) {
  const { clock, socket, options: fakes } = fakeNetwork();
  const store = new ChatStore({
    url: 'ws://localhost/ws/chat/',
    sessionId: 'room',
    persistMessages: true,
    storage,
    ...fakes,
    ...options,
  });
  const stop = store.start();
  socket().welcome(UNSTORED);
  return {
    store,
    stop,
    receive: (id: string, timestamp: number, seq?: number, content = id) =>
      socket().message(seq, id, { content, timestamp }),
    /** Time enough for what is due to be drawn and written. */
    settle: () => clock.advance(300),
    shown: () => store.snapshot().messages.map(({ id }) => id),
    error: () => store.snapshot().error,
    expire: () => socket().receive({ type: 'session', event: 'expired' }),
    delete: () => {
      socket().end(4404, 'session deleted');
      store.reconnect();
      socket().welcome(UNSTORED);
    },
  };
}

function stored(storage: FakeStorage): (string | undefined)[] {
  const entries = JSON.parse(storage.getItem(KEY) ?? '[]') as { id?: string }[];
  return entries.map(({ id }) => id);
}

describe('MessageArchive: several tabs', () => {
  it('a tab that writes last does not overwrite what another one has kept', () => {
    const storage = new FakeStorage();
    const [a, b] = [openTab(storage), openTab(storage)];
    a.receive('1', 1);
    a.settle();
    b.receive('2', 2);
    b.settle();
    a.receive('3', 3);
    a.settle();
    expect(stored(storage)).toEqual(['1', '2', '3']);
    expect(openTab(storage).shown()).toEqual(['1', '2', '3']);
  });

  it('a tab shows what another one has kept while it was not connected, where it belongs', () => {
    const storage = new FakeStorage();
    const [a, b] = [openTab(storage), openTab(storage)];
    for (const tab of [a, b]) tab.receive('1', 1);
    b.receive('2', 2);
    for (const tab of [a, b]) tab.receive('3', 3);
    for (const tab of [a, b]) tab.settle();
    tellTabs();
    expect([a.shown(), b.shown()]).toEqual([
      ['1', '2', '3'],
      ['1', '2', '3'],
    ]);
  });

  it('two tabs that write at the same moment both have their messages kept, and then write no more', () => {
    const storage = new FakeStorage();
    const [a, b] = [openTab(storage), openTab(storage)];
    a.receive('1', 1);
    a.settle();
    // The other tab has not seen that write, and its own takes its place.
    storage.removeItem(KEY);
    const before = storage.getItem(KEY);
    b.receive('2', 2);
    b.settle();
    expect(before).toBeNull();
    let writes = 0;
    const set = storage.setItem.bind(storage);
    storage.setItem = (key, value) => {
      writes += key === KEY ? 1 : 0;
      set(key, value);
    };
    for (let round = 0; round < 4; round++) {
      tellTabs();
      for (const tab of [a, b]) tab.settle();
    }
    expect(stored(storage)).toEqual(['1', '2']);
    expect([a.shown(), b.shown(), writes]).toEqual([['1', '2'], ['1', '2'], 1]);
  });

  it('what another tab has removed stays removed, stays on the screen, and is told in words', () => {
    const storage = new FakeStorage();
    const a = openTab(storage);
    a.receive('1', 1);
    a.settle();
    storage.removeItem(KEY);
    tellTabs();
    a.receive('2', 2);
    a.settle();
    expect([a.shown(), stored(storage)]).toEqual([['1', '2'], ['2']]);
    expect(a.error()).toMatchObject({ code: 'storage', message: expect.stringContaining('were removed') });
  });

  it('a storage that was cleared without a word is noticed at the next write', () => {
    const storage = new FakeStorage();
    const a = openTab(storage);
    a.receive('1', 1);
    a.settle();
    storage.items.clear();
    a.receive('2', 2);
    a.settle();
    a.receive('3', 3);
    a.settle();
    expect([a.shown(), stored(storage)]).toEqual([['1', '2', '3'], ['3']]);
  });

  it('V7: a deletion by another member removes what all tabs have kept', () => {
    const storage = new FakeStorage();
    const [a, b] = [openTab(storage), openTab(storage)];
    for (const tab of [a, b]) tab.receive('old', 1);
    for (const tab of [a, b]) tab.settle();
    a.delete();
    tellTabs();
    for (const tab of [a, b]) tab.receive('new', 2);
    for (const tab of [a, b]) tab.settle();
    expect(stored(storage)).toEqual(['new']);
  });

  it('V7: messages after an expiry follow the old ones in every tab and after a reload, whatever their numbers', () => {
    const storage = new FakeStorage();
    const [a, b] = [openTab(storage), openTab(storage)];
    for (const tab of [a, b]) for (const seq of [1, 2]) tab.receive(`old ${seq}`, seq, seq);
    a.settle();
    b.settle();
    for (const tab of [a, b]) {
      tab.expire();
      tab.receive('new 1', 10, 1);
      tab.settle();
    }
    tellTabs();
    const reloaded = openTab(storage);
    const all = ['old 1', 'old 2', 'new 1'];
    expect([a.shown(), b.shown(), reloaded.shown()]).toEqual([all, all, all]);
    // It expired again while nobody looked: numbers tell nothing about what an earlier page has kept.
    reloaded.receive('newer 1', 20, 1);
    reloaded.settle();
    expect(reloaded.shown()).toEqual([...all, 'newer 1']);
  });

  it('keeps a message where it is that comes once more after a reload', () => {
    const storage = new FakeStorage();
    const a = openTab(storage);
    for (const id of ['1', '2']) a.receive(id, Number(id));
    a.stop();
    const reloaded = openTab(storage);
    reloaded.receive('1', 1);
    reloaded.settle();
    expect(reloaded.shown()).toEqual(['1', '2']);
  });
});

describe('MessageArchive: what it cannot keep', () => {
  it.each(['not JSON', '{"id":', '7', 'null', '"text"', '{"messages":[]}'])('sets %s aside and begins anew', (text) => {
    const storage = new FakeStorage();
    storage.setItem(KEY, text);
    const a = openTab(storage);
    expect(a.error()).toMatchObject({ code: 'storage', message: expect.stringContaining('could not be read') });
    a.receive('1', 1);
    a.settle();
    expect([stored(storage), storage.getItem(`${KEY}:unreadable`)]).toEqual([['1'], text]);
  });

  it('reads what can be drawn, whatever else is in the list', () => {
    const storage = new FakeStorage();
    const good = { id: 'a', content: 'c', sender: 's', timestamp: 1, isSent: false, sessionId: 'room' };
    const bad = [null, 7, [], {}, { ...good, timestamp: 1e300 }, { ...good, content: 5 }, { ...good, id: null }];
    storage.setItem(KEY, JSON.stringify([...bad, good, { ...good, id: 'b', seq: 'one', pending: true }]));
    const { store, error } = openTab(storage);
    expect(store.snapshot().messages).toEqual([good, { ...good, id: 'b' }]);
    expect(error()).toBeUndefined();
  });

  it('leaves the form of a later release alone, and says so', () => {
    const storage = new FakeStorage();
    const newer = '{"version":3,"messages":[]}';
    storage.setItem(KEY, newer);
    const a = openTab(storage);
    a.receive('1', 1);
    a.settle();
    expect([a.shown(), storage.getItem(KEY)]).toEqual([['1'], newer]);
    expect(a.error()).toMatchObject({ code: 'storage', message: expect.stringContaining('newer version') });
  });

  it('is bounded by characters and by number, keeps the newest, and knows that older ones are not kept', () => {
    const storage = new FakeStorage();
    const a = openTab(storage);
    expect(a.store.snapshot().start).toBe('first');
    for (let i = 0; i < 40; i++) a.receive(`big ${i}`, i, undefined, 'x'.repeat(16_000));
    a.settle();
    expect(storage.getItem(KEY)?.length).toBeLessThan(500_200);
    expect(stored(storage).at(-1)).toBe('big 39');
    expect([a.shown().length, a.store.snapshot().start]).toEqual([40, 'first']);
    const b = openTab(storage);
    expect([b.shown().length, b.store.snapshot().start]).toEqual([31, 'trimmed']);
    for (let i = 0; i < 600; i++) b.receive(`small ${i}`, 100 + i);
    b.settle();
    expect(stored(storage)).toHaveLength(1 + 500);
  });

  /** A storage with room for so many characters. */
  class Small extends FakeStorage {
    constructor(public room: number) {
      super();
    }
    override setItem(key: string, value: string): void {
      const others = [...this.items].filter(([other]) => other !== key).reduce((sum, [, text]) => sum + text.length, 0);
      if (others + value.length > this.room) throw new DOMException('exceeded the quota', 'QuotaExceededError');
      super.setItem(key, value);
    }
  }

  it('keeps as many of the newest as a full storage has room for, and says so once', () => {
    const storage = new Small(2_000);
    const a = openTab(storage);
    for (let i = 0; i < 40; i++) {
      a.receive(`m${i}`, i);
      a.settle();
    }
    expect(a.shown()).toHaveLength(40);
    expect(stored(storage).at(-1)).toBe('m39');
    expect(stored(storage).length).toBeGreaterThan(5);
    expect(a.error()).toMatchObject({
      code: 'storage',
      message: expect.stringContaining('storage of this browser is full'),
    });
    a.store.clearError();
    a.receive('more', 50);
    a.settle();
    expect(a.error()).toBeUndefined();
    expect(openTab(storage).shown().at(-1)).toBe('more');
  });

  it('tells again when the storage is full once more after there was room', () => {
    const storage = new Small(0);
    const a = openTab(storage);
    a.receive('1', 1);
    a.settle();
    a.store.clearError();
    storage.room = 10_000;
    a.receive('2', 2);
    a.settle();
    expect([a.error(), stored(storage)]).toEqual([undefined, ['1', '2']]);
    storage.room = 0;
    a.receive('3', 3);
    a.settle();
    expect(a.error()).toMatchObject({ code: 'storage' });
    expect(a.shown()).toEqual(['1', '2', '3']);
  });

  it('goes on in a browser that lets the page store nothing, and says so', () => {
    class Denied extends FakeStorage {
      override getItem(): string | null {
        throw new DOMException('denied', 'SecurityError');
      }
      override setItem(): void {
        throw new DOMException('denied', 'SecurityError');
      }
    }
    const a = openTab(new Denied());
    a.receive('1', 1);
    a.settle();
    expect(a.shown()).toEqual(['1']);
    expect(a.error()).toMatchObject({ code: 'storage', message: expect.stringContaining('store nothing') });
    expect(a.store.snapshot().keepsUnsent).toBe(false);
  });
});
