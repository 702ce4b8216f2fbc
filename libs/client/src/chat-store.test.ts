import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeStorage, fakeNetwork } from '../test/harness.js';
import { type ChatOptions, ChatStore } from './chat-store.js';

const UNSTORED = { persistence: 'none', epoch: null, ttl: null, remainingTtl: null } as const;

function page(options: Partial<ChatOptions> = {}) {
  const { clock, socket, options: fakes } = fakeNetwork();
  const store = new ChatStore({
    url: 'ws://localhost/ws/chat/',
    sessionId: 'room',
    redisPersistence: true,
    persistMessages: true,
    storage: new FakeStorage(),
    ...fakes,
    ...options,
  });
  const stop = store.start();
  const shown = () => store.snapshot().messages.map(({ content, pending }) => (pending ? `${content} …` : content));
  return { store, stop, clock, socket, shown };
}

afterEach(() => vi.unstubAllGlobals());

describe('ChatStore', () => {
  it('tells the status in the words of a user', () => {
    const { store, stop, clock, socket } = page();
    const status = () => store.snapshot().status;
    const seen = [status()];
    socket().welcome();
    seen.push(status());
    socket().end();
    seen.push(status());
    expect(store.snapshot().retryAt).toBe(clock.now() + 500);
    clock.advance(500);
    seen.push(status());
    socket().end(4403, 'not allowed');
    seen.push(status());
    expect(seen).toEqual(['connecting', 'connected', 'reconnecting', 'reconnecting', 'disconnected']);
    expect(store.snapshot()).toMatchObject({
      retryAt: undefined,
      error: { code: 'closed', message: 'The connection was closed: not allowed.' },
    });
    stop();
  });

  const REFUSALS = [
    [401, 'unauthorized', 'the token has expired'],
    [403, 'forbidden', 'the token does not let its bearer read this session'],
  ] as const;

  it.each(REFUSALS)(
    'C4, U6: a browser does not tell that an upgrade was refused: the API does (%d)',
    async (...told) => {
      const [status, code, error] = told;
      const fetched = vi.fn((_url: string, _init: RequestInit) =>
        Promise.resolve(Response.json({ success: false, code, error }, { status })),
      );
      vi.stubGlobal('fetch', fetched);
      const { store, stop, clock, socket } = page({ token: () => 'tok' });
      socket().end();
      await vi.waitFor(() => expect(store.snapshot().error).toEqual({ code, message: error }));
      expect(fetched).toHaveBeenCalledWith('/chat/api/sessions/room/messages/?limit=1', {
        headers: { authorization: 'Bearer tok' },
      });
      clock.advance(500);
      socket().welcome();
      expect(store.snapshot().error).toBeUndefined();
      stop();
    },
  );

  it.each([200, 404, 429, 503])('C4: an API that answers %d has nothing to do with it', async (status) => {
    const body = { success: status === 200, code: 'overloaded', error: 'no' };
    const fetched = vi.fn(() => Promise.resolve(Response.json(body, { status })));
    vi.stubGlobal('fetch', fetched);
    const { store, stop, clock, socket } = page({ token: 'tok' });
    socket().end();
    await vi.waitFor(() => expect(fetched).toHaveBeenCalled());
    await clock.advanceAsync(0);
    expect(store.snapshot().error).toBeUndefined();
    stop();
  });

  it('C4: whoever has no token and was connected does not ask the API when its gateway goes', () => {
    const fetched = vi.fn();
    vi.stubGlobal('fetch', fetched);
    const { stop, clock, socket } = page();
    socket().welcome();
    socket().end();
    clock.advance(500);
    socket().end();
    expect(fetched).not.toHaveBeenCalled();
    stop();
  });

  it('U10: a close because of the token is told as such', () => {
    const { store, stop, socket } = page({ token: 'tok' });
    socket().welcome();
    socket().end(4401, 'token missing, bad or expired');
    expect(store.snapshot()).toMatchObject({
      status: 'disconnected',
      error: { code: 'unauthorized', message: 'The connection was closed: token missing, bad or expired.' },
    });
    stop();
  });

  it('R3: asks for the history when messages are to persist, and only then', () => {
    expect(page().socket().query.get('last_seq')).toBe('0');
    expect(page({ persistMessages: false }).socket().query.has('last_seq')).toBe(false);
  });

  it('shows a message at once, as pending until it is accepted', () => {
    const { store, clock, socket, shown } = page();
    socket().welcome();
    store.send('hello');
    expect(shown()).toEqual(['hello …']);
    const [frame] = socket().sends;
    socket().message(1, frame?.id ?? '', { content: 'hello', sender: 'me' });
    clock.advance(16);
    expect(shown()).toEqual(['hello']);
    expect(store.snapshot().messages).toMatchObject([{ isSent: true, seq: 1 }]);
    expect(store.snapshot().count).toBe(1);
  });

  it('shows many messages together rather than each by itself', () => {
    const { store, clock, socket } = page();
    socket().welcome({ seq: 500, firstSeq: 1, recovered: true });
    let changes = 0;
    store.subscribe(() => {
      changes += 1;
    });
    for (let seq = 1; seq <= 500; seq++) socket().message(seq, `m${seq}`);
    clock.advance(16);
    expect([changes, store.snapshot().messages.length, store.snapshot().count]).toEqual([1, 500, 500]);
  });

  it('keeps no more messages than it is told to, and says how many it hides', () => {
    const { store, clock, socket } = page({ maxMessages: 3 });
    socket().welcome({ seq: 5, firstSeq: 1, recovered: true });
    for (let seq = 1; seq <= 5; seq++) socket().message(seq, `m${seq}`);
    clock.advance(16);
    expect([store.snapshot().messages.length, store.snapshot().hidden]).toEqual([3, 2]);
  });

  it('T1, V7: knows when the session expires', () => {
    const { store, clock, socket } = page();
    const remaining = () => ((store.snapshot().session?.expiresAt ?? 0) - clock.now()) / 1_000;
    socket().welcome({ ttl: 100, remainingTtl: 60 });
    const seen = [remaining()];
    socket().message(1, 'm1');
    clock.advance(16);
    seen.push(remaining());
    socket().receive({ type: 'session', event: 'extended', ttl: 7200 });
    seen.push(remaining(), store.snapshot().session?.ttl ?? 0);
    socket().receive({ type: 'session', event: 'expiring', remainingTtl: 6 });
    seen.push(remaining());
    socket().receive({ type: 'session', event: 'expired' });
    seen.push(remaining());
    expect(seen).toEqual([60, 100, 7200, 7200, 6, 0]);
  });

  it('shows the storage state, broadcasts and refusals of the gateway', () => {
    const { store, socket } = page();
    socket().welcome();
    socket().receive({ type: 'status', storage: 'memory' });
    socket().receive({ type: 'broadcast', id: 'b', title: 't', message: 'hello', level: 'info', timestamp: 1 });
    socket().receive({ type: 'error', code: 'rate_limited', message: 'slower', retryAfterMs: 5 });
    expect(store.snapshot()).toMatchObject({
      storage: 'memory',
      broadcast: { message: 'hello' },
      error: { code: 'rate_limited', message: 'slower' },
    });
    store.clearError();
    store.clearBroadcast();
    expect(store.snapshot()).toMatchObject({ error: undefined, broadcast: undefined });
  });

  it('says when a message will not be sent, and when history is lost', () => {
    const { store, socket } = page();
    socket().welcome({ maxMessageBytes: 3, seq: 2 });
    store.send('too long');
    expect(store.snapshot().error).toMatchObject({ code: 'message_too_large' });
    socket().receive({ type: 'session', event: 'gap', from: 3, to: 9 });
    expect(store.snapshot().error).toEqual({ code: 'gap', message: 'Messages 3 to 9 are no longer kept.' });
  });

  it('adds the messages that the HTTP API has and it does not have', async () => {
    const answer = { id: 'm1', seq: 1, content: 'earlier', sender: 's', timestamp: 1 };
    const fetched: string[] = [];
    vi.stubGlobal('fetch', (url: string) => {
      fetched.push(url);
      return Promise.resolve(Response.json({ success: true, messages: [answer], has_more: false }));
    });
    const { store, clock, socket, shown } = page({ persistMessages: false });
    socket().welcome({ seq: 1, firstSeq: 1 });
    socket().message(2, 'm2', { content: 'live' });
    clock.advance(16);
    expect(await store.refresh()).toBe(1);
    expect(fetched).toEqual(['/chat/api/sessions/room/messages/?view=log&after_seq=0']);
    expect(shown()).toEqual(['earlier', 'live']);
  });

  /** Answers like the HTTP API, two messages a page. @returns what was asked for */
  function stubHistory(history: () => readonly string[]): string[] {
    const asked: string[] = [];
    vi.stubGlobal('fetch', (url: string) => {
      const after = Number(new URL(url, 'http://localhost').searchParams.get('after_seq'));
      asked.push(`after ${after}`);
      const all = history().map((id, index) => ({ id, content: id, sender: 's', timestamp: 1, seq: index + 1 }));
      const messages = all.slice(after, after + 2);
      return Promise.resolve(Response.json({ success: true, messages, has_more: all.length > after + 2 }));
    });
    return asked;
  }

  it('H4: reads the whole history, however many pages it has', async () => {
    const asked = stubHistory(() => ['a', 'b', 'c', 'd', 'e']);
    const { store, shown } = page({ persistMessages: false });
    expect(await store.refresh()).toBe(5);
    expect(asked).toEqual(['after 0', 'after 2', 'after 4']);
    expect(shown()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('H4: reads the history again when its numbers begin anew between two pages', async () => {
    const { store, socket, shown } = page({ persistMessages: false });
    socket().welcome({ seq: 3, firstSeq: 1 });
    const asked = stubHistory(() => {
      if (asked.length === 1) return ['old 1', 'old 2', 'old 3'];
      if (asked.length === 2) socket().receive({ type: 'session', event: 'expired' });
      return ['new 1'];
    });
    expect(await store.refresh()).toBe(1);
    expect(asked).toEqual(['after 0', 'after 2', 'after 0']);
    expect(shown()).toEqual(['new 1']);
  });

  it('V7: shows what comes after an expiry behind what came before', () => {
    const { store, clock, socket, shown } = page();
    socket().welcome({ seq: 2, firstSeq: 1, recovered: true });
    for (const seq of [1, 2]) socket().message(seq, `old ${seq}`, { content: `old ${seq}` });
    socket().receive({ type: 'session', event: 'expired' });
    socket().message(1, 'new 1', { content: 'new 1' });
    clock.advance(100);
    expect(shown()).toEqual(['old 1', 'old 2', 'new 1']);
    // What the member missed while it was cut off belongs to the new history too.
    socket().end();
    clock.advance(500);
    socket().welcome({ epoch: 'E2', seq: 2, firstSeq: 1 });
    for (const seq of [1, 2]) socket().message(seq, `new ${seq}`, { content: `new ${seq}` });
    clock.advance(100);
    expect(shown()).toEqual(['old 1', 'old 2', 'new 1', 'new 2']);
    expect(store.snapshot().count).toBe(2);
  });

  it('T1, V7: does not give the next session the time to live of the expired one', () => {
    const { store, clock, socket } = page();
    const ttls = () => [store.snapshot().session?.ttl, store.snapshot().session?.expiresAt];
    socket().welcome({ ttl: 60, remainingTtl: 60 });
    socket().receive({ type: 'session', event: 'extended', ttl: 7200 });
    socket().receive({ type: 'session', event: 'expired' });
    expect(ttls()).toEqual([null, clock.now()]);
    socket().message(1, 'new 1');
    clock.advance(100);
    expect(ttls()).toEqual([null, undefined]);
    socket().receive({ type: 'session', event: 'extended', ttl: 90 });
    expect(ttls()).toEqual([90, clock.now() + 90_000]);
  });

  it('V7: after a deletion keeps the messages to read, and begins with none when it is connected again', () => {
    const { store, clock, socket, shown } = page();
    socket().welcome({ seq: 1, firstSeq: 1, recovered: true });
    socket().message(1, 'old 1', { content: 'old 1' });
    clock.advance(100);
    socket().receive({ type: 'session', event: 'deleted' });
    socket().end(4404, 'session deleted');
    expect(shown()).toEqual(['old 1']);
    expect(store.snapshot().error).toMatchObject({ code: 'closed' });
    store.reconnect();
    socket().welcome({ epoch: 'E2', seq: 1, firstSeq: 1, recovered: true });
    socket().message(1, 'new 1', { content: 'new 1' });
    clock.advance(100);
    expect(shown()).toEqual(['new 1']);
    expect(store.snapshot()).toMatchObject({ status: 'connected', error: undefined, count: 1 });
  });

  it('takes back that the connection was closed once it is open again', () => {
    const { store, socket } = page({ autoReconnect: false });
    socket().welcome();
    socket().end(1006);
    expect(store.snapshot().error).toMatchObject({ code: 'closed' });
    store.reconnect();
    socket().welcome();
    expect(store.snapshot().error).toBeUndefined();
  });

  it('goes on telling of a gap when it is connected again', () => {
    const { store, clock, socket } = page();
    socket().welcome();
    socket().receive({ type: 'session', event: 'gap', from: 1, to: 9 });
    socket().end();
    clock.advance(500);
    socket().welcome({ seq: 9, recovered: true });
    expect(store.snapshot()).toMatchObject({ status: 'connected', error: { code: 'gap' } });
  });

  it('notices within 5 s that the network went, and is back at once when it comes', () => {
    const events = new EventTarget();
    vi.stubGlobal('document', new EventTarget());
    vi.stubGlobal('addEventListener', events.addEventListener.bind(events));
    vi.stubGlobal('removeEventListener', events.removeEventListener.bind(events));
    const { store, stop, clock, socket } = page();
    socket().welcome();
    events.dispatchEvent(new Event('offline'));
    expect(socket().frames.at(-1)).toEqual({ type: 'ping' });
    clock.advance(5_000);
    expect(store.snapshot().status).toBe('reconnecting');
    events.dispatchEvent(new Event('online'));
    socket().welcome();
    expect(store.snapshot().status).toBe('connected');
    stop();
    const frames = socket().frames.length;
    for (const name of ['online', 'offline']) events.dispatchEvent(new Event(name));
    expect(socket().frames).toHaveLength(frames);
  });

  it('V11: keeps the text of a message that was refused for good, to be sent again or discarded', () => {
    const storage = new FakeStorage();
    const before = page({ storage });
    before.socket().welcome({ maxMessageBytes: 10 });
    for (const content of ['refused 1', 'refused 2', 'longer than allowed']) before.store.send(content);
    for (const { id } of before.socket().sends) {
      before.socket().receive({ type: 'error', id, code: 'forbidden', message: 'the token does not allow this' });
    }
    const failed = ({ store }: typeof before) => store.snapshot().failed.map(({ content, code }) => [content, code]);
    const all = [
      ['longer than allowed', 'message_too_large'],
      ['refused 1', 'forbidden'],
      ['refused 2', 'forbidden'],
    ];
    expect(failed(before)).toEqual(all);
    expect(before.store.snapshot().error?.message).toBe('Not sent: the token does not allow this');
    before.stop();

    // All of them outlive the page, and another tab knows which of them are settled.
    const [after, other] = [page({ storage }), page({ storage })];
    after.socket().welcome();
    expect([failed(after), failed(other), after.shown()]).toEqual([all, all, []]);
    const [long, first, second] = after.store.snapshot().failed;
    after.store.resend(first?.id ?? '');
    after.store.discard(second?.id ?? '');
    expect([failed(after), after.shown()]).toEqual([[all[0]], ['refused 1 …']]);
    expect(after.socket().sends.map(({ content, retry }) => [content, retry])).toEqual([['refused 1', undefined]]);
    other.socket().welcome();
    other.store.resend(first?.id ?? '');
    expect([failed(other), other.socket().sends]).toEqual([[all[0]], []]);
    after.store.discard(long?.id ?? '');
    expect([...storage.items.keys()].filter((key) => key.includes(':failed:'))).toEqual([]);
  });

  it('V7: a deletion does not take away the text of messages that had not been sent', () => {
    const { store, socket } = page();
    store.send('not sent yet');
    socket().end(4404, 'session deleted');
    expect(store.snapshot().failed).toMatchObject([{ content: 'not sent yet', code: 'session_deleted' }]);
  });

  it('does not stumble over values of others among those of failed messages', () => {
    const storage = new FakeStorage();
    for (const [index, text] of ['no JSON', 'null', '7', '{}', '{"id":7}'].entries()) {
      storage.setItem(`holdfast:room:failed:${index}`, text);
    }
    expect(page({ storage }).store.snapshot()).toMatchObject({ failed: [], error: undefined });
  });

  it('tells whether unsent messages outlive the page', () => {
    class Full extends FakeStorage {
      override setItem(): void {
        throw new Error('quota exceeded');
      }
    }
    const keeps = ({ store }: ReturnType<typeof page>) => store.snapshot().keepsUnsent;
    const full = page({ storage: new Full() });
    full.store.send('x');
    expect([keeps(page()), keeps(page({ persistMessages: false })), keeps(full)]).toEqual([true, false, false]);
    expect(full.store.snapshot().error?.message).toMatch(/storage of this browser is full. Messages that are not sent/);
  });

  it('V7: remembers where messages are missing, also when the numbers begin anew behind it', () => {
    const { store, clock, socket } = page();
    socket().welcome({ seq: 2, firstSeq: 1, recovered: true });
    for (const seq of [1, 2]) socket().message(seq, `m${seq}`);
    socket().receive({ type: 'session', event: 'gap', from: 3, to: 8 });
    for (const seq of [9, 10]) socket().message(seq, `m${seq}`);
    socket().receive({ type: 'session', event: 'expired' });
    for (let seq = 1; seq <= 9; seq++) socket().message(seq, `new ${seq}`);
    clock.advance(100);
    expect([...store.snapshot().gaps]).toEqual([['somebody\nm9', { from: 3, to: 8 }]]);
  });

  it('tells what stands before the first message', () => {
    const startOf = (firstSeq: number | undefined, options: Partial<ChatOptions> = {}) => {
      const { store, clock, socket } = page(options);
      socket().welcome(firstSeq === undefined ? {} : { seq: firstSeq, firstSeq });
      if (firstSeq !== undefined) socket().message(firstSeq, 'm');
      clock.advance(100);
      return store.snapshot().start;
    };
    expect(page().store.snapshot().start).toBe('unknown');
    expect([startOf(undefined), startOf(1), startOf(7)]).toEqual(['first', 'first', 'trimmed']);
    expect(startOf(undefined, { persistMessages: false })).toBe('live');
    expect(startOf(undefined, { persistMessages: false, redisPersistence: false })).toBe('live');
    expect(startOf(undefined, { redisPersistence: false })).toBe('first');
  });

  it('shows why the HTTP API gave no messages', async () => {
    const failure = { success: false, code: 'storage_unavailable', error: 'Redis is away' };
    vi.stubGlobal('fetch', () => Promise.resolve(Response.json(failure, { status: 503 })));
    const { store } = page();
    expect(await store.refresh()).toBeUndefined();
    expect(store.snapshot().error).toEqual({ code: 'fetch', message: 'Error: Redis is away' });
  });

  it('can be stopped and started again, as React does in development', () => {
    const { store, stop, socket } = page();
    socket().welcome();
    stop();
    expect(store.snapshot()).toMatchObject({ status: 'disconnected', error: undefined });
    store.start();
    socket().welcome();
    expect(store.snapshot().status).toBe('connected');
  });
});

describe('ChatStore: a session that the server does not store', () => {
  const options = { redisPersistence: false } as const;

  it('shows the messages of this browser again after a reload', () => {
    const storage = new FakeStorage();
    const before = page({ ...options, storage });
    before.socket().welcome(UNSTORED);
    before.socket().message(undefined, 'a', { content: 'kept' });
    before.clock.advance(250);
    before.socket().message(undefined, 'b', { content: 'kept on leaving' });
    before.stop();
    const after = page({ ...options, storage });
    expect(after.shown()).toEqual(['kept', 'kept on leaving']);
    expect(after.store.snapshot().count).toBe(2);
  });

  it('sends messages after a reload that had not been accepted', () => {
    const storage = new FakeStorage();
    const before = page({ ...options, storage });
    before.store.send('offline');
    before.stop();
    const after = page({ ...options, storage });
    after.socket().welcome(UNSTORED);
    expect(after.shown()).toEqual(['offline …']);
    expect(after.socket().sends.map(({ content }) => content)).toEqual(['offline']);
  });

  it('keeps nothing when messages are not to persist', () => {
    const storage = new FakeStorage();
    const { store, stop, socket } = page({ ...options, storage, persistMessages: false });
    socket().welcome(UNSTORED);
    socket().message(undefined, 'a');
    store.send('mine');
    stop();
    expect(storage.items.size).toBe(0);
  });

  it('goes on when the storage is full or unreadable, and says so', () => {
    class Broken extends FakeStorage {
      override getItem(key: string): string | null {
        return key.endsWith(':messages') ? 'not JSON' : super.getItem(key);
      }
      override setItem(): void {
        throw new Error('quota exceeded');
      }
    }
    const { store, clock, socket, shown } = page({ ...options, storage: new Broken() });
    socket().welcome(UNSTORED);
    socket().message(undefined, 'a', { content: 'shown' });
    clock.advance(250);
    expect(shown()).toEqual(['shown']);
    expect(store.snapshot().error).toEqual({
      code: 'storage',
      message: 'The storage of this browser is full. Messages that it does not hold are gone when you leave this page.',
    });
  });
});
