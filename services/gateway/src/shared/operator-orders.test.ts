import { signToken } from '@holdfast/auth';
import { ORDERS_CHANNEL } from '@holdfast/session-store';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClient } from '../../test/support/fake-client.js';
import { gateway, SECRET, setUpTokenGateway, tokenOf, world } from '../../test/support/token-gateway.js';
import type { GatewayInWorld } from '../../test/support/world.js';

setUpTokenGateway();

const ENV = { AUTH_JWT_SECRET: SECRET };
let there: GatewayInWorld;
beforeEach(async () => {
  there = world.gateway(ENV);
  await world.settle();
});

const enter = async (sub: string, at = gateway, session = 'team-1'): Promise<FakeClient> =>
  at.enter(session, await tokenOf({ sub, ttl: 3_600 }));
const codes = (...clients: FakeClient[]) => clients.map(({ closeCode }) => closeCode);

async function ignored(kind: string): Promise<number> {
  const text = await gateway.metrics.exposition();
  return Number(new RegExp(`^holdfast_unconfirmed_total\\{.*kind="${kind}".*\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

describe('an order of an operator', () => {
  it("U11: closes every connection of a user on all gateways with 4401, and nobody else's", async () => {
    const [one, two, other] = [await enter('bob'), await enter('bob', there, 'team-2'), await enter('ann')];
    await world.order('disconnected', 'user bob');
    expect(codes(one, two, other)).toEqual([4401, 4401, undefined]);
    // With a token that counts he may come back.
    const back = await enter('bob');
    await world.advance(5_000);
    expect(back.closeCode).toBeUndefined();
  });

  it('U11: closes every connection of a session, also where nobody is asked for a token', async () => {
    const open = world.gateway();
    const [one, two] = [await enter('bob'), await open.connect('team-1')];
    const plain = await open.connect('team-1', { plain: true, persistent: false });
    const [other, named] = [await enter('ann', there, 'team-2'), await open.connect('bob', { client: 'x'.repeat(16) })];
    await world.order('disconnected', 'session team-1');
    await world.order('disconnected', `user ${named.welcome['sender']}`);
    expect(codes(one, two, plain, other, named)).toEqual([4401, 4401, 4401, undefined, undefined]);
  });

  it('U12: closes connections whose tokens were issued before, or do not say when, and refuses such tokens', async () => {
    const old = await tokenOf({ sub: 'bob', ttl: 3_600 });
    const nowMs = world.clock.now();
    const stays = await gateway.enter('team-1', await signToken(SECRET, contents('bob'), nowMs + 10_000));
    const [one, two, other] = [
      await gateway.enter('team-1', old),
      await there.enter('team-1', old),
      await enter('ann'),
    ];
    await world.order('revoked', 'bob', nowMs + 5_000);
    expect(codes(stays, one, two, other)).toEqual([undefined, 4401, 4401, undefined]);
    await expect(gateway.enter('team-1', old)).rejects.toThrow(/"code":"unauthorized"/);
    await expect(there.enter('team-1', old)).rejects.toThrow(/the token has been revoked/);
    // In mid-connection neither (V22).
    stays.send({ type: 'auth', token: old });
    await world.advance(1_000);
    expect(stays.closeCode).toBe(4401);
    expect((await gateway.enter('team-1', await signToken(SECRET, contents('bob'), nowMs + 10_000))).closeCode).toBe(
      undefined,
    );
  });

  it('U12: reaches a connection whose token was checked before it, and opens after it', async () => {
    const accepted = await gateway.ask({
      query: 'session=team-1',
      protocolHeader: 'holdfast.v1',
      authorization: `Bearer ${await tokenOf({ sub: 'bob', ttl: 3_600 })}`,
    });
    await world.order('revoked', 'bob', world.clock.now() + 1);
    if (!('open' in accepted)) throw new Error('refused');
    const late = new FakeClient(accepted);
    await world.settle();
    expect(late.closeCode).toBe(4401);
  });

  it('U13: reaches a gateway that was cut off, within two seconds after Redis answers it', async () => {
    const [bob, ann, team] = [
      await enter('bob', there),
      await enter('ann', there),
      await enter('cem', there, 'team-9'),
    ];
    there.silence();
    await world.advance(3_000);
    await world.order('revoked', 'bob', world.clock.now());
    await world.order('disconnected', 'session team-9');
    await world.advance(60_000);
    expect(codes(bob, ann, team)).toEqual([undefined, undefined, undefined]);
    const later = await enter('dan', there, 'team-9');
    there.answer();
    await world.advance(2_000);
    expect(codes(bob, ann, team)).toEqual([4401, undefined, 4401]);
    // He came after the order.
    expect(later.closeCode).toBeUndefined();
  });

  it('U13: is known to a gateway that starts later, and to one that starts without Redis', async () => {
    const old = await tokenOf({ sub: 'bob', ttl: 3_600 });
    await world.order('revoked', 'bob', world.clock.now() + 1);
    const later = world.gateway(ENV);
    await world.settle();
    await expect(later.enter('team-1', old)).rejects.toThrow(/revoked/);
    const apart = world.gateway(ENV, { prepare: (made) => made.silence() });
    const bob = await apart.enter('team-1', old);
    apart.answer();
    await world.advance(2_000);
    expect(bob.closeCode).toBe(4401);
  });

  it('U13: is put back by the gateways that know it when Redis has lost it, so that all others hear of it', async () => {
    const old = await tokenOf({ sub: 'bob', ttl: 3_600 });
    const bob = await enter('bob', there);
    there.silence();
    await world.order('revoked', 'bob', world.clock.now() + 1);
    world.orders.clear();
    gateway.answer();
    await world.advance(1_000);
    expect(await world.orders.find('revoked', ['bob'])).toEqual([world.clock.now() - 999]);
    there.answer();
    await world.advance(2_000);
    expect(bob.closeCode).toBe(4401);
    await expect(there.enter('team-1', old)).rejects.toThrow(/revoked/);
  });

  it('U12: is forgotten when every token that it is about has expired', async () => {
    const short = world.gateway({ ...ENV, AUTH_MAX_TOKEN_SECONDS: '60' });
    await world.order('revoked', 'bob', world.clock.now());
    const old = await signToken(SECRET, { ...contents('bob'), ttl: 60 }, world.clock.now() - 1_000);
    await expect(short.enter('team-1', old)).rejects.toThrow(/revoked/);
    await world.advance(3_660_000);
    await expect(short.enter('team-1', old)).rejects.toThrow(/expired/);
    short.answer();
    await world.advance(1_000);
    expect(
      await short.enter('team-1', await signToken(SECRET, { ...contents('bob'), ttl: 60 }, world.clock.now())),
    ).toBeDefined();
  });
});

describe('what a channel claims', () => {
  it('F8, U13: counts only when Redis has it', async () => {
    const bob = await enter('bob');
    for (const payload of ['revoked bob', 'disconnected user bob', 'disconnected session team-1']) {
      world.broker.publish(ORDERS_CHANNEL, payload);
    }
    for (const payload of ['x', 'revoked', `revoked ${'b'.repeat(200)}`]) world.broker.publish(ORDERS_CHANNEL, payload);
    world.broker.publish(ORDERS_CHANNEL, '');
    await world.advance(2_000);
    expect([bob.closeCode, await ignored('order'), await ignored('unreadable')]).toEqual([undefined, 3, 3]);
  });

  it('F8, U13: a flood of it costs a bounded number of reads, and an order behind it is obeyed within two seconds', async () => {
    const bob = await enter('bob');
    const before = gateway.log.looks;
    for (let n = 0; n < 20_000; n++) world.broker.publish(ORDERS_CHANNEL, `revoked x${n}`);
    await world.order('revoked', 'bob', world.clock.now() + 1);
    await world.advance(2_000);
    expect(bob.closeCode).toBe(4401);
    expect(gateway.log.looks - before).toBeLessThan(40);
  });

  it('U13: what is missed because Redis fails is looked up again', async () => {
    const bob = await enter('bob');
    gateway.log.fate = ({ method }) => (method === 'orders' ? 'silence' : 'works');
    await world.order('disconnected', 'user bob');
    await world.advance(500);
    expect(bob.closeCode).toBeUndefined();
    gateway.log.fate = () => 'works';
    await world.advance(1_500);
    expect(bob.closeCode).toBe(4401);
  });
});

function contents(sub: string) {
  return { sub, sessions: ['team-*'], scope: 'read write', ttl: 3_600 };
}
