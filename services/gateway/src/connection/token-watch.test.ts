import type { TokenContents } from '@holdfast/auth';
import { describe, expect, it, vi } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { gateOf } from '../../test/support/gate.js';
import { gateway, setUpTokenGateway, tokenOf, world } from '../../test/support/token-gateway.js';

setUpTokenGateway();

const enter = async (contents: Partial<TokenContents> = {}, plain = false): Promise<FakeClient> =>
  gateway.enter('team-1', await tokenOf(contents), { plain });

const auth = (token: string): string => JSON.stringify({ type: 'auth', token });

/** Waits until everything has been handled that the client has sent: frames keep their order. */
async function handled(client: FakeClient): Promise<void> {
  const before = client.ofType('pong').length;
  client.send('{"type":"ping"}');
  await vi.waitFor(() => expect(client.closeCode !== undefined || client.ofType('pong').length > before).toBe(true));
  await world.settle();
}

describe('a token that expires', () => {
  it('U8: ends its connection with 4401 at that second, and no other connection', async () => {
    const [short, long] = [await enter({ ttl: 10 }), await enter({ ttl: 20 })];
    const plain = await enter({ ttl: 10 }, true);
    await world.advance(9_000);
    expect([short.closeCode, plain.closeCode, long.closeCode]).toEqual([undefined, undefined, undefined]);
    await world.advance(1_000);
    expect([short.closeCode, plain.closeCode, long.closeCode]).toEqual([4401, 4401, undefined]);
    await world.advance(9_000);
    expect(long.closeCode).toBeUndefined();
    await world.advance(1_000);
    expect(long.closeCode).toBe(4401);
  });

  it('U8: ends it also before its welcome, and when the clock of the machine has jumped', async () => {
    const gate = gateOf(gateway.log, 'open');
    const waiting = await enter({ ttl: 2 });
    await world.advance(2_000);
    expect(waiting.closeCode).toBe(4401);
    gate.open();
    const one = await enter({ ttl: 600 });
    world.clock.stall(3_600_000);
    await world.advance(1_000);
    expect(one.closeCode).toBe(4401);
  });

  it('U8: costs a gateway one timer, and none when nobody is left', async () => {
    const timers = () => world.clock.pending;
    const before = timers();
    const clients = await Promise.all(Array.from({ length: 20 }, (_, n) => enter({ ttl: 100 + n })));
    const during = timers();
    for (const client of clients) client.leave();
    await world.advance(2_000);
    expect([during - before <= 2, gateway.core.readiness()['connections']]).toEqual([true, 0]);
  });
});

describe('a new token in mid-connection', () => {
  it('V22, U8: takes the place of the one before, and no message is lost', async () => {
    const [ann, bob] = [await enter({ ttl: 10 }), await enter({ sub: 'bob', ttl: 600 })];
    const ids: string[] = [];
    for (let second = 1; second <= 40; second++) {
      if (second % 8 === 0) ann.send(auth(await tokenOf({ ttl: 10 })));
      ids.push(`a${second}`);
      ann.say(`a${second}`);
      bob.say(`b${second}`);
      await handled(ann);
      await world.advance(1_000);
    }
    expect(ann.closeCode).toBeUndefined();
    expect(
      bob
        .ofType('message')
        .map(({ id }) => id)
        .filter((id) => String(id).startsWith('a')),
    ).toEqual(ids);
    expect(ann.ofType('message').map(({ seq }) => seq)).toEqual(Array.from({ length: 80 }, (_, n) => n + 1));
    await world.advance(10_000);
    expect(ann.closeCode).toBe(4401);
  });

  it('V22: may shorten the time, and what came behind it is handled in its order', async () => {
    const client = await enter({ ttl: 600 });
    client.say('a');
    client.send(auth(await tokenOf({ ttl: 5 })));
    for (const id of ['b', 'c', 'd']) client.say(id);
    await handled(client);
    expect(client.contents).toEqual(['a', 'b', 'c', 'd']);
    await world.advance(5_000);
    expect(client.closeCode).toBe(4401);
  });

  it('V22: gives and takes the right to write for what comes behind it', async () => {
    const client = await enter({ scope: 'read' });
    client.say('a');
    client.send(auth(await tokenOf({ scope: 'read write' })));
    client.say('b');
    client.send(auth(await tokenOf({ scope: 'read' })));
    client.say('c');
    await handled(client);
    expect(client.ofType('error').map(({ code, id }) => [code, id])).toEqual([
      ['forbidden', 'a'],
      ['forbidden', 'c'],
    ]);
    expect(client.contents).toEqual(['b']);
  });

  it.each([
    ['of somebody else', { sub: 'eve' }, 'forbidden', 4403],
    ['for other sessions', { sessions: ['other'] }, 'forbidden', 4403],
    ['that may not read', { scope: 'write' }, 'forbidden', 4403],
    ['that has expired', { ttl: -1 }, 'unauthorized', 4401],
  ] as const)('V22: one %s ends the connection', async (_what, contents, code, closeCode) => {
    const client = await enter();
    client.send(auth(await tokenOf(contents)));
    client.say('behind');
    await handled(client);
    expect(client.ofType('error')).toEqual([{ type: 'error', code, message: expect.any(String) }]);
    expect([client.closeCode, await world.ids('team-1')]).toEqual([closeCode, []]);
  });

  it('V22: one that is no token ends it too; a frame without one is invalid', async () => {
    const client = await enter();
    client.send('{"type":"auth"}');
    expect(client.received.at(-1)).toMatchObject({ type: 'error', code: 'invalid_frame' });
    client.send(auth('no token'));
    await handled(client);
    expect(client.closeCode).toBe(4401);
  });

  it('V22, V1: may come before the welcome', async () => {
    const gate = gateOf(gateway.log, 'open');
    const client = await enter({ ttl: 10, scope: 'read' });
    client.send(auth(await tokenOf({ ttl: 60 })));
    client.say('a');
    gate.open();
    await world.settle();
    await handled(client);
    expect(client.contents).toEqual(['a']);
    await world.advance(20_000);
    expect(client.closeCode).toBeUndefined();
  });

  it('B5: a client that sends more than is kept for it while its token is checked is closed 1013', async () => {
    const client = await enter();
    client.send(auth(await tokenOf()));
    for (let i = 0; i < 6; i++) client.say(`m${i}`, 'x'.repeat(16_000));
    expect(client.closeCode).toBe(1013);
  });

  it('V22: has no effect where nobody is asked for tokens', async () => {
    const open = world.gateway();
    const client = await open.connect('s');
    client.send(auth('whatever'));
    client.say('a');
    await world.settle();
    expect(client.contents).toEqual(['a']);
  });
});

describe('a member that may only read', () => {
  it('V11, U4: gets every message, and its own sends and signals are refused', async () => {
    const [reader, writer] = [await enter({ sub: 'reader', scope: 'read' }), await enter()];
    writer.say('a');
    reader.say('b');
    reader.send('{"type":"signal","name":"typing"}');
    await world.settle();
    expect(reader.contents).toEqual(['a']);
    expect(reader.ofType('error')).toEqual([
      { type: 'error', code: 'forbidden', id: 'b', message: expect.any(String) },
      { type: 'error', code: 'forbidden', message: expect.any(String) },
    ]);
    expect([reader.closeCode, await world.ids('team-1')]).toEqual([undefined, ['a']]);
  });

  it('V11, P1: is told so on the plain protocol too', async () => {
    const reader = await enter({ scope: 'read' }, true);
    reader.send('hello');
    await world.settle();
    expect(reader.received).toEqual([expect.objectContaining({ type: 'error', code: 'forbidden' })]);
  });
});
