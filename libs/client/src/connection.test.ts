import { CLOSE } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { harness } from '../test/harness.js';

describe('Connection: states', () => {
  it('goes from idle through connecting to open, with an event for each', () => {
    const { client, open, seen } = harness();
    expect(client.state).toEqual({ kind: 'idle' });
    open();
    expect(seen('state').map(({ kind }) => kind)).toEqual(['connecting', 'open']);
  });

  it('B5: waits with full jitter below a doubling bound while it cannot connect', () => {
    const { client, clock, socket, seen } = harness();
    client.connect();
    const waits = Array.from({ length: 7 }, () => {
      socket().end();
      const state = client.state;
      const wait = state.kind === 'waiting' ? state.retryAt - clock.now() : 0;
      clock.advance(wait);
      return wait;
    });
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    expect(seen('state').at(-1)).toMatchObject({ kind: 'connecting', failures: 7 });
  });

  it('counts a connection that ends at once as one more failure, and a stable one as none', () => {
    const { client, clock, open, socket } = harness();
    open().end();
    expect(client.state).toMatchObject({ kind: 'waiting', failures: 1 });
    clock.advance(500);
    socket().welcome();
    socket().end();
    expect(client.state).toMatchObject({ kind: 'waiting', failures: 2 });
    clock.advance(1_000);
    socket().welcome();
    clock.advance(5_000);
    socket().end();
    expect(client.state).toMatchObject({ kind: 'waiting', failures: 1 });
  });

  const codes = Object.values(CLOSE).map(({ code }) => ({ code, reconnect: ![1008, 4401, 4403, 4404].includes(code) }));

  it.each(codes)('reconnects after close code $code: $reconnect', ({ code, reconnect }) => {
    const { client, open } = harness();
    open().end(code);
    expect(client.state).toMatchObject({ kind: reconnect ? 'waiting' : 'closed', code });
  });

  it('B5: waits longer after a close that says overloaded', () => {
    const { client, clock, open } = harness();
    open().end(CLOSE.overloaded.code);
    expect(client.state).toMatchObject({ retryAt: clock.now() + 4_000 });
  });

  it('does not reconnect when told not to', () => {
    const { client, open } = harness({ autoReconnect: false });
    open().end(1006);
    expect(client.state).toMatchObject({ kind: 'closed', code: 1006 });
  });

  it('gives up an attempt that is not welcomed in time', () => {
    const { client, clock, socket } = harness({ connectTimeoutMs: 300 });
    client.connect();
    clock.advance(300);
    expect(socket().isClosed).toBe(true);
    expect(client.state).toMatchObject({ kind: 'waiting', reason: 'no welcome in time' });
  });

  it('counts it as a failed attempt when the WebSocket cannot be constructed', () => {
    class Refused {
      constructor() {
        throw new Error('mixed content');
      }
    }
    const { client } = harness({ webSocket: Refused as never });
    client.connect();
    expect(client.state).toMatchObject({ kind: 'waiting', reason: 'Error: mixed content' });
  });

  it('connects at once when woken or told to', () => {
    const { client, open, sockets } = harness();
    open().end();
    client.wake();
    expect(sockets).toHaveLength(2);
    expect(client.state.kind).toBe('connecting');
    client.connect();
    expect(sockets).toHaveLength(2);
  });

  it('leaves no timer and no socket behind when it is closed, in any state', () => {
    for (const reach of ['idle', 'connecting', 'open', 'waiting', 'moving']) {
      const { client, clock, sockets, socket, seen } = harness();
      if (reach !== 'idle') client.connect();
      if (reach === 'open' || reach === 'moving') socket().welcome();
      if (reach === 'waiting') socket().end();
      if (reach === 'moving') {
        socket().receive({ type: 'drain', reconnectInMs: 0, deadlineMs: 10 });
        clock.advance(0);
      }
      client.close();
      client.close();
      expect(client.state).toMatchObject({ kind: 'closed', code: 1000 });
      expect([reach, clock.pending, sockets.every(({ isClosed }) => isClosed)]).toEqual([reach, 0, true]);
      for (const late of sockets) late.end(1000);
      expect(seen('state').at(-1)?.kind).toBe('closed');
    }
  });

  it('stays consistent when a listener closes it', () => {
    for (const at of ['connecting', 'open', 'waiting']) {
      const { client, clock, socket, sockets } = harness();
      client.on('state', ({ kind }) => {
        if (kind === at) client.close();
      });
      client.send('one');
      client.connect();
      if (client.state.kind !== 'closed') socket().welcome();
      if (client.state.kind !== 'closed') socket().end();
      expect([at, client.state.kind, clock.pending]).toEqual([at, 'closed', 0]);
      const sends = sockets.flatMap((socket) => socket.sends);
      expect(sends.map(({ content }) => content)).toEqual(at === 'waiting' ? ['one'] : []);
    }
  });
});

describe('Connection: a link that has gone silent', () => {
  it('V5: is given up after two heartbeat intervals and some slack', () => {
    const { client, clock, open } = harness();
    const socket = open({ heartbeatMs: 1_000 });
    clock.advance(4_000);
    socket.receive({ type: 'heartbeat', timestamp: 1, seq: 0 });
    clock.advance(6_999);
    expect(client.state.kind).toBe('open');
    clock.advance(1);
    expect(client.state).toMatchObject({ kind: 'waiting', reason: 'silent' });
  });

  it('V22: gets a ping when a send stays unanswered, and is given up when the ping does too', () => {
    const { client, clock, open } = harness();
    const socket = open();
    client.send('one');
    clock.advance(5_000);
    expect(socket.frames.at(-1)).toEqual({ type: 'ping' });
    socket.receive({ type: 'pong' });
    clock.advance(20_000);
    expect(client.state.kind).toBe('open');
    client.send('two');
    clock.advance(10_000);
    expect(client.state).toMatchObject({ kind: 'waiting', reason: 'silent' });
  });

  it('gets a ping at once when the network may have changed', () => {
    const { client, clock, open } = harness();
    const socket = open();
    client.wake();
    expect(socket.frames).toEqual([{ type: 'ping' }]);
    clock.advance(5_000);
    expect(client.state.kind).toBe('waiting');
  });

  it('is given up when it sends data that is no frame', () => {
    const { client, open } = harness();
    const socket = open();
    socket.onmessage({ data: '{"type":"message","id":"a"}' });
    expect(client.state).toMatchObject({ kind: 'waiting' });
    expect(socket.isClosed).toBe(true);
  });
});

describe('Connection: drain', () => {
  const drain = { type: 'drain', reconnectInMs: 1_000, deadlineMs: 10_000 };

  it('V8, B3: opens the next link before it closes the old one, and resumes there', () => {
    const { client, clock, open, socket, sockets, seen } = harness();
    const old = open({ seq: 3, firstSeq: 1 });
    old.receive(drain);
    clock.advance(999);
    expect(sockets).toHaveLength(1);
    clock.advance(1);
    expect(old.isClosed).toBe(false);
    old.message(4, 'm4');
    const next = socket();
    expect(Object.fromEntries(next.query)).toMatchObject({ last_seq: '3', epoch: 'E1' });
    next.welcome({ color: 'green', seq: 5, firstSeq: 1, recovered: true });
    expect(old.isClosed).toBe(true);
    next.message(4, 'm4');
    next.message(5, 'm5');
    expect(seen('message').map(({ id }) => id)).toEqual(['m4', 'm5']);
    expect(seen('state').map(({ kind }) => kind)).toEqual(['connecting', 'open']);
    expect(client.session?.color).toBe('green');
  });

  it('B3: goes on sending until it moves, then waits for the acks of sends in flight', () => {
    const { client, clock, open, socket, sockets } = harness();
    const old = open();
    old.receive(drain);
    const first = client.send('one');
    clock.advance(1_000);
    const second = client.send('two');
    expect(old.sends.map(({ id }) => id)).toEqual([first.id]);
    expect(sockets).toHaveLength(1);
    old.message(1, first.id);
    expect(sockets).toHaveLength(2);
    socket().welcome({ seq: 1, firstSeq: 1, recovered: true });
    expect(socket().sends).toEqual([{ type: 'send', id: second.id, content: 'two' }]);
  });

  it('B3: moves after 2 s without the acks, and sends the rest again with retry, in order, before anything new', () => {
    const { client, clock, open, socket, sockets } = harness();
    const old = open();
    const ids = ['one', 'two'].map((content) => client.send(content).id);
    old.receive(drain);
    clock.advance(1_000);
    ids.push(client.send('three').id);
    clock.advance(1_999);
    expect(sockets).toHaveLength(1);
    clock.advance(1);
    socket().welcome({ recovered: true });
    expect(socket().sends.map(({ id, retry }) => [id, retry])).toEqual([
      [ids[0], true],
      [ids[1], true],
      [ids[2], undefined],
    ]);
  });

  it('B3: keeps the old link, sending too, when the next one cannot be opened, and tries again', () => {
    const { client, clock, open, socket, sockets } = harness();
    const old = open();
    old.receive(drain);
    clock.advance(1_000);
    const { id } = client.send('one');
    socket().end();
    expect(old.sends.map((frame) => frame.id)).toEqual([id]);
    old.message(1, id);
    clock.advance(500);
    expect(sockets).toHaveLength(3);
    expect(client.state.kind).toBe('open');
  });

  it('B3: goes on with the link it is opening when the old one ends first', () => {
    const { client, clock, open, socket, sockets } = harness();
    const old = open();
    old.receive(drain);
    clock.advance(1_000);
    old.end(1012);
    expect(client.state.kind).toBe('connecting');
    socket().welcome({ recovered: true });
    expect(client.state.kind).toBe('open');
    expect(sockets).toHaveLength(2);
  });

  it('B3: reconnects as always when the old link ends before the move', () => {
    const { client, open } = harness();
    const old = open();
    old.receive(drain);
    old.end(1012);
    expect(client.state).toMatchObject({ kind: 'waiting', code: 1012 });
  });

  it('S2: without persistence listens to the old link a little longer, and shows nothing twice', () => {
    const { clock, open, socket, seen } = harness({ redisPersistence: false });
    const unstored = { persistence: 'none', epoch: null } as const;
    const old = open(unstored);
    old.receive(drain);
    clock.advance(1_000);
    socket().welcome(unstored);
    old.message(undefined, 'a');
    socket().message(undefined, 'b');
    old.message(undefined, 'b');
    expect(seen('message').map(({ id }) => id)).toEqual(['a', 'b']);
    clock.advance(1_000);
    expect(old.isClosed).toBe(true);
  });
});
