import { describe, expect, it } from 'vitest';
import { type FakeSocket, type HarnessOptions, harness } from '../test/harness.js';

const START = 1_700_000_000_000;

/** A token that only says when it expires: `seconds` after the start. */
function tokenFor(seconds: number, name = ''): string {
  const payload = JSON.stringify({ sub: `ünïcode-${name}`, exp: START / 1_000 + seconds });
  return `e30.${Buffer.from(payload).toString('base64url')}.signature${name}`;
}

/** A client whose function gives these tokens one after the other; an error is thrown. The last one is given again. */
function clientWith(answers: (string | Error)[], options: HarnessOptions = {}) {
  const asked: number[] = [];
  const made = harness({
    ...options,
    token: () => {
      asked.push(made.clock.monotonic());
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer instanceof Error) throw answer;
      return answer ?? '';
    },
  });
  return { ...made, asked, open: () => made.open({ serverTime: START }), pass: passOn(made) };
}

function auths(socket: FakeSocket) {
  return socket.frames.filter(({ type }) => type === 'auth');
}

/** @returns lets time pass on a connection that is alive: the gateway says something every four seconds */
function passOn({ clock, socket }: ReturnType<typeof harness>): (ms: number) => void {
  return (ms) => {
    for (let left = ms; left > 0; left -= 4_000) {
      clock.advance(Math.min(left, 4_000));
      if (!socket().isClosed) socket().receive({ type: 'pong' });
    }
  };
}

describe('AccessToken', () => {
  it('U6: the token goes beside the subprotocol, and is not in the address, which proxies log', () => {
    const { open } = clientWith([tokenFor(60)]);
    const { protocols, url } = open();
    expect(protocols).toEqual(['holdfast.v1', `bearer.${tokenFor(60)}`]);
    expect(url).not.toContain('token');
  });

  it('U10, V22: is renewed on the open connection before it expires, and then before the new one does', () => {
    const { open, pass, asked, sockets } = clientWith([tokenFor(600, 'a'), tokenFor(1_200, 'b'), tokenFor(1_800)]);
    const socket = open();
    pass(554_000);
    expect(auths(socket)).toEqual([]);
    // Random numbers are 0.5: 45 s before the end.
    pass(1_000);
    expect(auths(socket)).toEqual([{ type: 'auth', token: tokenFor(1_200, 'b') }]);
    pass(600_000);
    expect(auths(socket)).toHaveLength(2);
    expect([sockets.length, asked]).toEqual([1, [0, 555_000, 1_155_000]]);
  });

  it.each([
    [0, 30_000],
    [0.999, 60_000],
  ])(
    'U10: spreads renewals over 30 s, so that clients that began together do not ask together (%d)',
    (random, margin) => {
      const { open, pass, asked } = clientWith([tokenFor(600), tokenFor(1_200)], { random: () => random });
      open();
      pass(600_000 - margin - 100);
      expect(asked).toHaveLength(1);
      pass(200);
      expect(asked).toHaveLength(2);
    },
  );

  it('U10: goes by the clock of the server, not by that of this machine', () => {
    const { open, pass, clock, asked } = clientWith([tokenFor(600), tokenFor(1_200)]);
    open();
    clock.stepWall(86_400_000);
    pass(554_000);
    expect(asked).toHaveLength(1);
    pass(1_000);
    expect(asked).toHaveLength(2);
  });

  it('U10: a failed renewal is told and tried again until the token expires, never in a hurry', () => {
    const { open, pass, asked, seen } = clientWith([tokenFor(600), new Error('offline')]);
    const socket = open();
    pass(900_000);
    const renewals = asked.slice(1);
    expect(renewals.length).toBeGreaterThan(4);
    expect(renewals.length).toBeLessThan(10);
    expect(renewals.at(-1)).toBeLessThan(600_000);
    expect(seen('tokenError')).toHaveLength(renewals.length);
    expect(auths(socket)).toEqual([]);
  });

  it('U10: a renewal that succeeds late counts, and the next one is planned by it', () => {
    const answers = [tokenFor(600), new Error('offline'), new Error('offline'), tokenFor(1_200)];
    const { open, pass, asked } = clientWith(answers);
    const socket = open();
    pass(600_000);
    expect(auths(socket)).toHaveLength(1);
    expect(asked).toHaveLength(4);
    pass(554_000);
    expect(asked).toHaveLength(4);
  });

  it('U10: a function that does not answer is asked again; what it says later does not count', async () => {
    const waiting: ((token: string) => void)[] = [];
    const { client, socket, clock, seen } = harness({
      connectTimeoutMs: 5_000,
      token: () => new Promise((resolve) => waiting.push(resolve)),
    });
    client.connect();
    waiting[0]?.(tokenFor(600));
    await clock.advanceAsync(0);
    socket().welcome({ serverTime: START, heartbeatMs: 1e6 });
    await clock.advanceAsync(555_000);
    expect(waiting).toHaveLength(2);
    await clock.advanceAsync(7_000);
    expect(waiting).toHaveLength(3);
    expect(seen('tokenError')).toEqual(['no token in time']);
    waiting[1]?.(tokenFor(900, 'late'));
    waiting[2]?.(tokenFor(1_200, 'newest'));
    await clock.advanceAsync(0);
    expect(socket().frames).toEqual([{ type: 'auth', token: tokenFor(1_200, 'newest') }]);
  });

  it('U10: the same token again is not sent, and not asked for in a hurry', () => {
    const { open, pass, asked } = clientWith([tokenFor(600)]);
    const socket = open();
    pass(700_000);
    expect(auths(socket)).toEqual([]);
    expect(asked.length).toBeLessThan(12);
  });

  it.each([
    ['a day', 86_400],
    ['a year', 365 * 86_400],
    ['longer than a timer takes', 1e9],
  ])('U10: a token for %s is asked for once at the beginning', (_what, seconds) => {
    const { open, pass, asked } = clientWith([tokenFor(seconds)]);
    open();
    pass(3_600_000);
    expect(asked).toHaveLength(1);
  });

  it.each(['', 'opaque', 'a.b.c', `e30.${btoa('{"exp":"soon"}')}.s`, `e30.${btoa('null')}.s`])(
    'U10: what has no time of expiry is left alone: %j',
    (token) => {
      const { open, pass, asked } = clientWith([token]);
      open();
      pass(86_400_000);
      expect(asked).toHaveLength(1);
    },
  );

  it('U10: a token given as a string cannot be renewed', () => {
    const made = harness({ token: tokenFor(600) });
    const { open, sockets } = made;
    const socket = open({ serverTime: START });
    passOn(made)(900_000);
    expect([auths(socket), sockets.length]).toEqual([[], 1]);
  });

  it.each([
    ['overloaded', 5_000],
    ['rate_limited', 10],
  ])('V22, V24: is sent again when the gateway may have left it undone: %s', (code, retryAfterMs) => {
    const { open, pass, asked } = clientWith([tokenFor(600), tokenFor(1_200)]);
    const socket = open();
    pass(555_000);
    socket.receive({ type: 'error', code, message: 'later', retryAfterMs });
    pass(5_000);
    expect(auths(socket)).toEqual(Array(2).fill({ type: 'auth', token: tokenFor(1_200) }));
    expect(asked).toHaveLength(2);
    pass(60_000);
    socket.receive({ type: 'error', code, message: 'a signal too many', retryAfterMs });
    pass(60_000);
    expect(auths(socket)).toHaveLength(2);
  });

  it('U10: no message is lost or doubled by a renewal', async () => {
    const { client, open, pass } = clientWith([tokenFor(600), tokenFor(1_200)]);
    const socket = open();
    const before = client.send('before');
    pass(555_000);
    const after = client.send('after');
    expect(socket.frames.map(({ type }) => type).filter((type) => type !== 'ping')).toEqual(['send', 'auth', 'send']);
    socket.message(1, before.id, { sender: 'me' });
    socket.message(2, after.id, { sender: 'me' });
    expect(await Promise.all([before.result, after.result])).toMatchObject([{ seq: 1 }, { seq: 2 }]);
  });

  it('V22: is replaced by setToken on the open connection, by a function too', () => {
    const { client, open, pass } = clientWith([tokenFor(600)]);
    const socket = open();
    client.setToken('new');
    client.setToken(() => tokenFor(1_200));
    expect(auths(socket)).toEqual([
      { type: 'auth', token: 'new' },
      { type: 'auth', token: tokenFor(1_200) },
    ]);
    pass(1_154_000);
    expect(auths(socket)).toHaveLength(2);
  });

  it('V22: one that is replaced while the connection opens is sent behind the welcome', () => {
    const { client, socket } = clientWith([tokenFor(600)]);
    client.connect();
    client.setToken('new');
    socket().welcome({ serverTime: START });
    expect(auths(socket())).toEqual([{ type: 'auth', token: 'new' }]);
  });

  it('U10: nothing is asked for while there is no connection', () => {
    const { client, open, pass, clock, asked } = clientWith([tokenFor(600)]);
    open();
    client.close();
    pass(900_000);
    expect([asked.length, clock.pending]).toEqual([1, 0]);
  });
});

describe('A close with 4401', () => {
  it('U10: is followed by one connection with a fresh token, and what was not accepted is sent there', () => {
    const { client, open, clock, socket, asked } = clientWith([tokenFor(1, 'a'), tokenFor(600, 'b')]);
    open();
    client.send('on its way');
    socket().end(4401, 'token missing, bad or expired');
    expect(client.state).toMatchObject({ kind: 'waiting', code: 4401 });
    clock.advance(1_000);
    socket().welcome({ serverTime: START });
    expect(socket().protocols[1]).toBe(`bearer.${tokenFor(600, 'b')}`);
    expect(socket().sends).toMatchObject([{ content: 'on its way', retry: true }]);
    expect(asked).toHaveLength(2);
  });

  it('U10: a second one in a row is final and says why, until the application connects', () => {
    const { client, open, clock, socket, sockets, seen } = clientWith([tokenFor(600)]);
    open().end(4401, 'token missing, bad or expired');
    clock.advance(1_000);
    socket().welcome({ serverTime: START });
    socket().end(4401, 'token missing, bad or expired');
    const closed = { kind: 'closed', code: 4401, reason: 'token missing, bad or expired' };
    expect([client.state, seen('state').at(-1)]).toEqual([closed, closed]);
    clock.advance(3_600_000);
    expect(sockets).toHaveLength(2);
    client.connect();
    socket().welcome({ serverTime: START });
    socket().end(4401);
    expect(client.state.kind).toBe('waiting');
  });

  it('U10: one after a connection that has lasted is not the second in a row', () => {
    const { client, open, clock, socket } = clientWith([tokenFor(600)]);
    open();
    for (let round = 0; round < 3; round++) {
      clock.advance(5_000);
      socket().end(4401);
      expect(client.state.kind).toBe('waiting');
      clock.advance(1_000);
      socket().welcome({ serverTime: START });
    }
  });

  it.each([
    ['a token that is a string', { token: 'string' }],
    ['no token', {}],
    ['a client that does not reconnect', { token: () => 'fresh', autoReconnect: false }],
  ])('U10: is final with %s', (_what, options) => {
    const { client, open } = harness(options);
    open().end(4401);
    expect(client.state).toMatchObject({ kind: 'closed', code: 4401 });
  });

  it('U10: while the function fails, the client goes on trying as after every failure', () => {
    const { client, open, clock, socket } = clientWith([tokenFor(600), new Error('offline'), tokenFor(900)]);
    open().end(4401);
    clock.advance(1_000);
    expect(client.state).toMatchObject({ kind: 'waiting', reason: 'Error: offline' });
    clock.advance(2_000);
    socket().welcome({ serverTime: START });
    expect(client.state.kind).toBe('open');
  });
});
