import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayInWorld, World } from '../../test/support/world.js';

let world: World;
let gateway: GatewayInWorld;
beforeEach(async () => {
  world = new World();
  gateway = world.gateway();
  await world.settle();
});
afterEach(() => world.close());

const hearsNothing = (): boolean => false;
const closed = (): Promise<never> => Promise.reject(new Error('Connection is closed.'));
const storage = (): unknown => gateway.core.readiness()['storage'];
const age = (): number => Number(gateway.core.readiness()['canaryAgeMs']);

describe('the canary', () => {
  it('F3: comes back every 500 ms; its age is in /readyz and a metric', async () => {
    await world.advance(60_300);
    expect(age()).toBeLessThanOrEqual(500);
    expect(gateway.metrics.gateway.gauges.canaryAgeSeconds).toBeLessThanOrEqual(0.5);
    expect([gateway.fanOut.reconnects, storage()]).toEqual([0, 'redis']);
  });

  it('F3: when it is not back within a second the subscriber connects anew, again and again', async () => {
    gateway.fanOut.hear = hearsNothing;
    await world.advance(1_000);
    expect(gateway.fanOut.reconnects).toBe(0);
    await world.advance(1_000);
    expect(gateway.fanOut.reconnects).toBe(1);
    await world.advance(10_000);
    expect(gateway.fanOut.reconnects).toBeGreaterThan(4);
    expect(gateway.fanOut.reconnects).toBeLessThan(11);
    gateway.fanOut.hear = () => true;
    const before = gateway.fanOut.reconnects;
    await world.advance(10_000);
    expect([gateway.fanOut.reconnects, storage()]).toEqual([before, 'redis']);
  });

  it('F3: a gateway whose process stood still does not take its subscription for dead', async () => {
    await world.advance(10_000);
    // Time passes in which nothing runs.
    world.clock.stall(30_000);
    await world.settle();
    await world.advance(2_000);
    expect(gateway.fanOut.reconnects).toBe(0);
  });

  it('F3: a gateway whose publishes fail does not take its subscription for dead either', async () => {
    gateway.fanOut.beforePublish = () => Promise.reject(new Error('Connection is closed.'));
    await world.advance(20_000);
    expect([gateway.fanOut.reconnects, storage()]).toEqual([0, 'memory']);
    expect(age()).toBeGreaterThan(19_000);
    gateway.fanOut.beforePublish = () => undefined;
    await world.advance(5_000);
    expect(storage()).toBe('redis');
  });

  it('D1: a gateway that starts without Redis subscribes when Redis is there', async () => {
    const early = world.gateway({}, { prepare: ({ fanOut }) => Object.assign(fanOut, { beforeSubscribe: closed }) });
    await world.advance(5_000);
    expect(early.core.readiness()).toMatchObject({ ready: true, storage: 'memory' });
    early.fanOut.beforeSubscribe = () => undefined;
    await world.advance(5_000);
    expect(early.core.readiness()).toMatchObject({ ready: true, storage: 'redis' });
  });

  it('V9: a gateway that starts without Redis receives broadcasts when Redis is there', async () => {
    const beforeSubscribe = (channel: string) => (channel === 'holdfast:broadcast' ? closed() : undefined);
    const early = world.gateway({}, { prepare: ({ fanOut }) => Object.assign(fanOut, { beforeSubscribe }) });
    const member = await early.connect('s');
    await world.advance(5_000);
    early.fanOut.beforeSubscribe = () => undefined;
    await world.advance(1_000);
    await world.broadcast({ id: 'b', title: '', message: 'x', level: 'info', timestamp: 1 });
    expect(member.ofType('broadcast')).toHaveLength(1);
  });
});
