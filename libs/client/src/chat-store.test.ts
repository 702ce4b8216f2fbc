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
    socket().welcome({ maxMessageBytes: 3 });
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
      return Promise.resolve(Response.json({ success: true, messages: [answer] }));
    });
    const { store, clock, socket, shown } = page({ persistMessages: false });
    socket().welcome({ seq: 1, firstSeq: 1 });
    socket().message(2, 'm2', { content: 'live' });
    clock.advance(16);
    expect(await store.refresh()).toBe(1);
    expect(fetched).toEqual(['/chat/api/sessions/room/messages/?view=log']);
    expect(shown()).toEqual(['earlier', 'live']);
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
    expect(store.snapshot().error).toEqual({ code: 'storage', message: 'Error: quota exceeded' });
  });
});
