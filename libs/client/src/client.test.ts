import { describe, expect, it } from 'vitest';
import { FakeStorage, harness } from '../test/harness.js';

describe('HoldfastClient: connecting', () => {
  it('C1, C3: asks for the framed protocol, its session and its secret', () => {
    const { client, socket } = harness();
    client.connect();
    expect(socket().protocols).toEqual(['holdfast.v1']);
    expect(Object.fromEntries(socket().query)).toEqual({
      session: 'room',
      client: 'secret-of-sixteen-1',
      redis_persistence: 'true',
    });
  });

  it('C1: keeps the same secret across reconnects', () => {
    const { open, reconnect } = harness();
    const first = open();
    expect(reconnect().query.get('client')).toBe(first.query.get('client'));
  });

  it('S1: asks for no storage, and no history, without persistence', () => {
    const { client, socket } = harness({ redisPersistence: false, history: true });
    client.connect();
    expect([...socket().query.keys()]).toEqual(['session', 'client']);
  });

  it('R3: asks for the kept history when it is wanted', () => {
    const { client, socket } = harness({ history: true });
    client.connect();
    expect(socket().query.get('last_seq')).toBe('0');
    expect(socket().query.has('epoch')).toBe(false);
  });

  it('asks for a fresh token before each connection', async () => {
    let tokens = 0;
    const { client, clock, socket } = harness({ token: () => Promise.resolve(`token${++tokens}`) });
    client.connect();
    await clock.advanceAsync(0);
    expect(socket().protocols).toEqual(['holdfast.v1', 'bearer.token1']);
    socket().end();
    await clock.advanceAsync(500);
    expect(socket().protocols).toEqual(['holdfast.v1', 'bearer.token2']);
  });

  it('counts it as a failed attempt when the token function fails', async () => {
    const { client, clock, seen } = harness({ token: () => Promise.reject(new Error('no token')) });
    client.connect();
    await clock.advanceAsync(1);
    expect(seen('state').at(-1)).toMatchObject({ kind: 'waiting', reason: 'Error: no token' });
  });
});

describe('HoldfastClient: sending', () => {
  it('V2, V20: a message is accepted when its sender sees it come back with a number', async () => {
    const { client, open, seen } = harness();
    const socket = open();
    const { id, result } = client.send('hello');
    expect(socket.sends).toEqual([{ type: 'send', id, content: 'hello' }]);
    socket.message(1, id, { sender: 'me' });
    expect(await result).toEqual({ ok: true, id, seq: 1 });
    expect(client.outbox).toEqual([]);
    expect(seen('message')).toMatchObject([{ id, seq: 1, isSent: true, sessionId: 'room' }]);
  });

  it('sends offline messages in order once there is a connection', () => {
    const { client, open } = harness();
    const ids = ['a', 'b', 'c'].map((content) => client.send(content).id);
    expect(open().sends.map(({ id }) => id)).toEqual(ids);
  });

  it('V20: sends again what was not accepted: same id, marked, with its first position, before anything new', () => {
    const { client, open, reconnect } = harness();
    const socket = open();
    socket.message(1, 'm1');
    const sent = client.send('one').id;
    socket.message(2, 'm2');
    socket.end();
    const unsent = client.send('two').id;
    const next = reconnect({ seq: 2, firstSeq: 1, recovered: true });
    expect(next.sends).toEqual([
      { type: 'send', id: sent, content: 'one', retry: true, after: { epoch: 'E1', seq: 1, id: 'm1' } },
      { type: 'send', id: unsent, content: 'two' },
    ]);
  });

  it('V4: an ack for a retry accepts it, and shows nothing', async () => {
    const { client, open, reconnect, seen } = harness();
    open();
    const { id, result } = client.send('one');
    reconnect({ seq: 7, firstSeq: 1, recovered: true }).receive({ type: 'ack', id, seq: 5 });
    expect(await result).toEqual({ ok: true, id, seq: 5 });
    expect(seen('message')).toEqual([]);
  });

  it('V3, D5: a pending message stays in the outbox and is shown once; its number is an update', async () => {
    const { client, open, seen } = harness();
    const socket = open();
    const { id, result } = client.send('one');
    socket.message(undefined, id, { pending: true });
    expect(client.outbox.map((entry) => entry.id)).toEqual([id]);
    socket.message(1, id);
    expect(await result).toMatchObject({ ok: true, seq: 1 });
    expect(seen('message')).toMatchObject([{ id, pending: true }]);
    expect(seen('update')).toMatchObject([{ id, seq: 1 }]);
  });

  it('D3, V4: sends a pending message again when Redis is back and it has no number yet', async () => {
    const { client, open } = harness();
    const socket = open();
    const { id, result } = client.send('one');
    socket.message(undefined, id, { pending: true });
    socket.receive({ type: 'status', storage: 'redis' });
    expect(socket.frames.at(-1)).toMatchObject({ type: 'send', id, retry: true });
    socket.receive({ type: 'ack', id, seq: 3 });
    expect(await result).toEqual({ ok: true, id, seq: 3 });
  });

  it("V2: another client's message of the same id accepts nothing", async () => {
    const { client, open } = harness();
    const socket = open({ sender: 'me' });
    const { result } = client.send('mine', '1');
    socket.message(1, '1', { sender: 'somebody else', content: 'theirs' });
    expect(client.outbox).toHaveLength(1);
    socket.message(2, '1', { sender: 'me', content: 'mine' });
    expect(await result).toEqual({ ok: true, id: '1', seq: 2 });
  });

  it('S2: without persistence its own frame accepts a message, by id and sender', async () => {
    const { client, open } = harness({ redisPersistence: false });
    const socket = open({ persistence: 'none', epoch: null });
    const first = client.send('one');
    socket.message(undefined, first.id, { sender: 'me' });
    expect(await first.result).toEqual({ ok: true, id: first.id, seq: undefined });
    const second = client.send('two');
    socket.message(undefined, second.id, { sender: 'somebody else' });
    expect(client.outbox.map(({ id }) => id)).toEqual([second.id]);
    socket.message(undefined, second.id, { sender: 'me' });
    expect(client.outbox).toEqual([]);
  });

  it('V11: a refusal for good ends the send', async () => {
    const { client, open, seen } = harness();
    const socket = open();
    const { id, result } = client.send('');
    socket.receive({ type: 'error', code: 'empty_message', message: 'empty', id });
    expect(await result).toEqual({ ok: false, id, code: 'empty_message', message: 'empty' });
    expect(seen('rejected')).toMatchObject([{ id, content: '', code: 'empty_message' }]);
    expect(client.outbox).toEqual([]);
  });

  it('V20: a message with its id and another content accepts no send: the gateway refuses it, for good', async () => {
    const { client, open, reconnect, seen } = harness();
    const socket = open();
    const earlier = client.send('first', 'chosen');
    socket.message(1, 'chosen', { sender: 'me' });
    expect(await earlier.result).toMatchObject({ ok: true, seq: 1 });
    const { result } = client.send('second', 'chosen');
    const next = reconnect();
    next.message(1, 'chosen', { sender: 'me', content: 'first' });
    expect(client.outbox).toMatchObject([{ id: 'chosen', content: 'second' }]);
    next.receive({ type: 'error', code: 'id_conflict', message: 'another message of yours has this id', id: 'chosen' });
    expect(await result).toMatchObject({ ok: false, code: 'id_conflict', message: expect.stringContaining('this id') });
    expect(seen('rejected')).toMatchObject([{ id: 'chosen', content: 'second', code: 'id_conflict' }]);
    expect(client.outbox).toEqual([]);
  });

  it.each(['rate_limited', 'not_stored', 'overloaded'] as const)(
    'V11, D2: sends again after retryAfterMs: %s',
    (code) => {
      const { client, clock, open } = harness();
      const socket = open();
      const { id } = client.send('one');
      socket.receive({ type: 'error', code, message: 'later', id, retryAfterMs: 600 });
      const next = client.send('two').id;
      clock.advance(599);
      expect(socket.sends).toHaveLength(1);
      clock.advance(1);
      socket.message(1, id);
      expect(socket.sends.map((frame) => [frame.id, frame.retry])).toEqual([
        [id, undefined],
        [id, undefined],
        [next, undefined],
      ]);
    },
  );

  it('sends one message at a time after a refusal, so that the order is kept', () => {
    const { client, clock, open } = harness();
    const socket = open();
    const ids = ['a', 'b', 'c', 'd'].map((content) => client.send(content).id);
    for (const id of ids) socket.receive({ type: 'error', code: 'rate_limited', message: '', id, retryAfterMs: 10 });
    clock.advance(500);
    expect(socket.sends.slice(4).map(({ id }) => id)).toEqual([ids[0]]);
    socket.message(1, ids[0] ?? '');
    expect(socket.sends.slice(5).map(({ id }) => id)).toEqual([ids[1], ids[2]]);
  });

  it('leaves no timer when it is closed in the pause after a refusal', () => {
    const { client, clock, open } = harness();
    const { id } = client.send('one');
    open().receive({ type: 'error', code: 'not_stored', message: '', id, retryAfterMs: 60_000 });
    client.close();
    expect(clock.pending).toBe(0);
    expect(open({ seq: 0, recovered: true }).sends).toMatchObject([{ id }]);
  });

  it('has at most 32 sends in flight', () => {
    const { client, open } = harness();
    const ids = Array.from({ length: 40 }, (_, i) => client.send(`${i}`).id);
    const socket = open();
    expect(socket.sends).toHaveLength(32);
    socket.message(1, ids[0] ?? '');
    expect(socket.sends).toHaveLength(33);
  });

  it('C6: refuses a content that would close the connection, without sending it', async () => {
    const { client, open } = harness();
    const socket = open({ maxMessageBytes: 10 });
    const { id, result } = client.send('x'.repeat(11));
    expect(await result).toMatchObject({ ok: false, id, code: 'message_too_large' });
    expect(socket.sends).toEqual([]);
    client.send('x'.repeat(10));
    expect(socket.sends).toHaveLength(1);
  });

  it('C6: keeps a content of any length until the first welcome tells the limit of the gateway', async () => {
    const { client, open } = harness();
    const sent = client.send('x'.repeat(20_000));
    const tooLong = client.send('x'.repeat(20_002));
    const socket = open({ maxMessageBytes: 20_001 });
    expect(socket.sends.map(({ id }) => id)).toEqual([sent.id]);
    expect(await tooLong.result).toMatchObject({ ok: false, code: 'message_too_large' });
  });

  it('refuses when the outbox is full', async () => {
    const { client } = harness({ outboxMax: 1 });
    client.send('one');
    expect(await client.send('two').result).toMatchObject({ ok: false, code: 'outbox_full' });
    expect(client.outbox.map(({ content }) => content)).toEqual(['one']);
  });

  it('V20: refuses an id of the wrong form, or one that is waiting already', () => {
    const { client } = harness();
    client.send('one', 'a');
    expect(() => client.send('two', 'a')).toThrow('id must be new');
    expect(() => client.send('two', 'not an id')).toThrow('1 to 64 of');
  });

  it('A2: keeps the order over a reload, although the clock was put back meanwhile', () => {
    const storage = new FakeStorage();
    const clocks = [1_700_000_002_000, 1_700_000_001_000, 1_700_000_000_000];
    let order: string[] = [];
    for (const now of clocks) {
      const { client, clock } = harness({ storage, newId: (bytes) => `${now}-${bytes}-secret` });
      Object.assign(clock, { now: () => now });
      client.send(`at ${now}`);
      order = client.outbox.map(({ content }) => content);
    }
    expect(order).toEqual(clocks.map((now) => `at ${now}`));
  });

  it('resolves open results when it is closed, and sends the messages again after the next connect', async () => {
    const { client, open } = harness();
    open();
    const { id, result } = client.send('one');
    client.close();
    expect(await result).toMatchObject({ ok: false, code: 'closed' });
    expect(open({ seq: 0, recovered: true }).sends).toMatchObject([{ id, retry: true }]);
  });
});

describe('HoldfastClient: receiving', () => {
  it('R1: resumes from its position', () => {
    const { open, reconnect, seen } = harness();
    open({ seq: 4, firstSeq: 1 }).message(5, 'm5');
    const socket = reconnect({ seq: 7, firstSeq: 1, recovered: true });
    expect(Object.fromEntries(socket.query)).toMatchObject({ last_seq: '5', last_id: 'm5', epoch: 'E1' });
    socket.message(6, 'm6');
    socket.message(7, 'm7');
    expect(seen('message').map(({ seq }) => seq)).toEqual([5, 6, 7]);
    expect(seen('gap')).toEqual([]);
  });

  it('V2: resumes when it sees a gap', () => {
    const { clock, open, sockets, socket, seen } = harness();
    const first = open();
    first.message(1, 'm1');
    first.message(3, 'm3');
    expect(first.isClosed).toBe(true);
    clock.advance(1_000);
    expect(sockets).toHaveLength(2);
    expect(socket().query.get('last_seq')).toBe('1');
    expect(seen('message').map(({ seq }) => seq)).toEqual([1]);
  });

  it('V2, V7: also when the server tells of a later one, because nothing is skipped in silence', () => {
    const { clock, open, socket, seen } = harness();
    const first = open();
    first.message(1, 'm1');
    first.receive({ type: 'session', event: 'gap', from: 4, to: 5 });
    expect(first.isClosed).toBe(true);
    clock.advance(1_000);
    expect(socket().query.get('last_seq')).toBe('1');
    expect(seen('gap')).toEqual([]);
  });

  it('backs off when resuming does not help', () => {
    const { clock, open, sockets, socket } = harness();
    open().message(2, 'm2');
    for (let i = 0; i < 100; i++) {
      clock.advance(1_000);
      if (!socket().isClosed) {
        socket().welcome({ recovered: true });
        socket().message(2, 'm2');
      }
    }
    expect(sockets.length).toBeLessThan(15);
  });

  it('R2, V7: emits which numbers are lost, and that the history differs', () => {
    const { open, reconnect, seen } = harness();
    open().message(1, 'm1');
    reconnect({ seq: 9, firstSeq: 5 });
    expect(seen('gap')).toEqual([{ from: 2, to: 4 }]);
    reconnect({ epoch: 'E2', seq: 9, firstSeq: 5 });
    expect(seen('reset')).toEqual([{ epoch: 'E2', from: 5 }]);
  });

  it('V7: by id shows nothing twice after a reset', () => {
    const { open, seen } = harness();
    const socket = open();
    for (const seq of [1, 2, 3]) socket.message(seq, `m${seq}`);
    socket.receive({ type: 'session', event: 'reset', epoch: 'E2', from: 2 });
    socket.message(2, 'x');
    socket.message(3, 'm2');
    expect(seen('message').map(({ id }) => id)).toEqual(['m1', 'm2', 'm3', 'x']);
    expect(seen('update')).toMatchObject([{ id: 'm2', seq: 3 }]);
  });

  it('V7: tells of a reset from the number that is due, also where the gateway names a later one', () => {
    const { open, seen } = harness();
    const socket = open();
    for (const seq of [1, 2, 3]) socket.message(seq, `m${seq}`);
    socket.receive({ type: 'session', event: 'reset', epoch: 'E2', from: 2 });
    socket.receive({ type: 'session', event: 'reset', epoch: 'E3', from: 4 });
    expect(seen('reset').map(({ from }) => from)).toEqual([2, 2]);
  });

  it('T2: expects number 1 after expiry', () => {
    const { open, seen } = harness();
    const socket = open({ seq: 5, firstSeq: 1 });
    socket.receive({ type: 'session', event: 'expired' });
    socket.receive({ type: 'session', event: 'reset', epoch: 'E2', from: 1 });
    socket.message(1, 'first');
    expect(seen('message')).toMatchObject([{ seq: 1, id: 'first' }]);
  });

  it('D1, D3: goes on from its position when the gateway has Redis again', () => {
    const { open, reconnect, seen, client } = harness();
    open().message(1, 'm1');
    const socket = reconnect({ epoch: '', storage: 'memory' });
    socket.message(undefined, 'p', { pending: true });
    socket.welcome({ seq: 3, firstSeq: 1, recovered: true });
    socket.message(2, 'm2');
    socket.message(3, 'p');
    expect(seen('gap')).toEqual([]);
    expect(client.position).toEqual({ epoch: 'E1', seq: 3, id: 'p' });
    expect(seen('storage')).toEqual(['redis', 'memory', 'redis']);
  });

  it('V5: resumes when a message that a heartbeat announced does not arrive', () => {
    const { open } = harness();
    const socket = open();
    socket.receive({ type: 'heartbeat', timestamp: 1, seq: 1 });
    expect(socket.isClosed).toBe(false);
    socket.receive({ type: 'heartbeat', timestamp: 2, seq: 1 });
    expect(socket.isClosed).toBe(true);
  });

  it('sends a message again on a new connection when it stays unanswered for three heartbeats', () => {
    const { client, open, reconnect } = harness();
    const socket = open();
    const { id } = client.send('one');
    for (let i = 0; i < 3; i++) socket.receive({ type: 'heartbeat', timestamp: 1, seq: 0 });
    expect(socket.isClosed).toBe(true);
    expect(reconnect({ recovered: true }).sends).toMatchObject([{ id, retry: true }]);
  });

  it('V9: shows a broadcast once', () => {
    const { open, reconnect, seen } = harness();
    const frame = { type: 'broadcast', id: 'b1', title: 't', message: 'hello', level: 'info', timestamp: 1 };
    open().receive(frame);
    reconnect().receive(frame);
    expect(seen('broadcast')).toHaveLength(1);
  });

  it('V6, V8, V10: emits an event for each frame of the gateway', () => {
    const { open, seen } = harness();
    const socket = open();
    socket.receive({ type: 'status', storage: 'memory' });
    socket.receive({ type: 'presence', event: 'join', sender: 's', members: 2 });
    socket.receive({ type: 'signal', sender: 's', name: 'typing', data: 1 });
    socket.receive({ type: 'drain', reconnectInMs: 10, deadlineMs: 100 });
    socket.receive({ type: 'pong' });
    socket.receive({ type: 'of a later release' });
    expect(seen('storage')).toEqual(['redis', 'memory']);
    expect([seen('presence'), seen('signal'), seen('drain')].map((events) => events.length)).toEqual([1, 1, 1]);
  });

  it('V7: a deleted session ends the messages that were meant for it', async () => {
    const { client, open, socket, seen } = harness();
    open().message(1, 'm1');
    const { result } = client.send('one');
    socket().receive({ type: 'session', event: 'deleted' });
    socket().end(4404, 'session deleted');
    expect(await result).toMatchObject({ ok: false, code: 'session_deleted' });
    expect(seen('state').at(-1)).toEqual({ kind: 'closed', code: 4404, reason: 'session deleted' });
    client.connect();
    expect(socket().query.has('last_seq')).toBe(false);
  });
});
