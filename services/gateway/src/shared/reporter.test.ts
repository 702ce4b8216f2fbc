import { StorageUnavailableError } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayInWorld, World } from '../../test/support/world.js';

let world: World;
let gateway: GatewayInWorld;
beforeEach(async () => {
  world = new World({ ttl: 1_800 });
  gateway = world.gateway();
  await world.settle();
});
afterEach(() => world.close());

const said = (line: string): number => gateway.messages.filter((each) => each === line).length;

describe('what the log says', () => {
  it('C5: a session is stored when a connection creates it, loaded when one opens it, in the words of the original guides', async () => {
    const one = await gateway.connect('my-session');
    one.say('m1');
    await world.settle();
    await gateway.connect('my-session');
    expect(gateway.messages).toContain('Session stored in Redis: my-session, TTL: 1800s');
    expect(gateway.messages).toContain('Session loaded from Redis: my-session, count: 1');
    await gateway.connect('unstored', { persistent: false });
    expect(gateway.messages.filter((line) => String(line).includes('unstored'))).toEqual([]);
  });

  it('C5: a session that a message begins anew has a line as well', async () => {
    const one = await gateway.connect('s');
    await world.advance(1_802_000);
    one.say('m1');
    await world.settle();
    expect(said('Session stored in Redis: s, TTL: 1800s')).toBe(2);
  });

  it('never has a line per message, nor a content', async () => {
    const one = await gateway.connect('s');
    const before = gateway.lines.length;
    for (let i = 0; i < 20; i++) one.say(`m${i}`, 'very secret words');
    await world.settle();
    expect(gateway.lines.length).toBe(before);
  });

  it('D1: one line says that Redis does not answer, and one that it answers again', async () => {
    expect([said('Redis answers'), gateway.metrics.redis.up]).toEqual([0, true]);
    gateway.fanOut.beforePublish = () => Promise.reject(new Error('Connection is closed.'));
    await world.advance(60_000);
    expect([said('Redis does not answer: chat goes on in memory'), gateway.metrics.redis.up]).toEqual([1, false]);
    expect(gateway.core.readiness()).toMatchObject({ ready: true, storage: 'memory' });
    gateway.fanOut.beforePublish = () => undefined;
    await world.advance(1_000);
    expect([said('Redis answers'), gateway.metrics.redis.up]).toEqual([1, true]);
    expect(gateway.core.readiness()).toMatchObject({ ready: true, storage: 'redis' });
  });

  it('D2: a Redis that answers but does not store has one line as well, not one for each attempt', async () => {
    const one = await gateway.connect('s');
    const full = new StorageUnavailableError("OOM command not allowed when used memory > 'maxmemory'.");
    gateway.log.fate = ({ method }) => (method === 'append' ? full : 'works');
    one.say('m1');
    await world.advance(55_000);
    const complaint = `Redis answers but does not store: ${full.message}`;
    expect([said(complaint), gateway.metrics.redis.up]).toEqual([1, true]);
    await world.advance(120_000);
    expect(said(complaint)).toBe(1);
    gateway.log.fate = () => 'works';
    await world.advance(6_000);
    expect(one.ofType('status')).toMatchObject([{ storage: 'memory' }, { storage: 'redis' }]);
    expect(said('Redis does not answer: chat goes on in memory')).toBe(0);
  });
});
