import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { pending, statuses, stored } from '../../test/support/outage-frames.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';

let world: World;
let gateway: GatewayInWorld;
let down: FakeClient;
let up: FakeClient;

/** Channels with this in their names live on the second shard. */
const SECOND = /down|:1$/;

beforeEach(async () => {
  world = new World();
  gateway = world.gateway(
    { REDIS_MODE: 'cluster' },
    {
      prepare: ({ fanOut }) => {
        fanOut.shards = ['a', 'b'];
        fanOut.shardOf = (channel) => (SECOND.test(channel) ? 'b' : 'a');
      },
    },
  );
  await world.advance(1_000);
  [down, up] = [await gateway.connect('down'), await gateway.connect('up')];
});
afterEach(() => world.close());

/** The second shard answers nothing any more. */
async function silence(): Promise<void> {
  gateway.log.fate = ({ sessionId }) => (sessionId === 'down' ? 'silence' : 'works');
  gateway.fanOut.beforePublish = (channel) =>
    SECOND.test(channel) ? Promise.reject(new Error('Command timed out')) : undefined;
  gateway.fanOut.hear = (channel) => !SECOND.test(channel);
  await world.advance(1_000);
}

async function answer(): Promise<void> {
  gateway.log.fate = () => 'works';
  gateway.fanOut.beforePublish = () => undefined;
  gateway.fanOut.hear = () => true;
  await world.advance(1_000);
}

const health = (): unknown[] => [gateway.core.readiness()['storage'], gateway.metrics.redis.up];

describe('a cluster', () => {
  it('D6, A2: large appends that a shard does not answer take no turns of those to another one', async () => {
    const stuck = await Promise.all(Array.from({ length: 10 }, (_, index) => gateway.connect(`down${index}`)));
    const large = (member: FakeClient): void => {
      for (let n = 0; n < 5; n++) member.say(`m${n}`, 'x'.repeat(16_000));
    };
    gateway.log.fate = ({ sessionId }) => (sessionId.startsWith('down') ? new Promise(() => undefined) : 'works');
    for (const member of stuck) large(member);
    await world.settle();
    expect(gateway.log.of('append').length).toBeLessThan(stuck.length);
    large(up);
    await world.settle();
    expect(stored(up)).toHaveLength(5);
    gateway.log.fate = () => 'works';
  });

  it('D6, V6: when a shard is silent its own sessions go on in memory, also quiet ones, and no others do', async () => {
    await silence();
    expect([statuses(down), statuses(up)]).toEqual([['memory'], []]);
    for (const member of [down, up]) member.say('m1');
    await world.advance(1_000);
    expect([pending(down), stored(down)]).toEqual([['m1'], []]);
    expect(stored(up)).toEqual([[1, 'm1']]);
    expect((await gateway.connect('down')).welcome).toMatchObject({ storage: 'memory' });
    expect((await gateway.connect('up')).welcome).toMatchObject({ storage: 'redis', seq: 1 });
    await answer();
    expect([statuses(down), stored(down), statuses(up)]).toEqual([['memory', 'redis'], [[1, 'm1']], []]);
  });

  it('D6: /readyz and the metric tell that a shard is away, and the log tells which', async () => {
    expect(health()).toEqual(['redis', true]);
    await silence();
    expect(health()).toEqual(['memory', false]);
    await answer();
    expect(health()).toEqual(['redis', true]);
    const said = gateway.lines.filter(({ msg }) => String(msg).startsWith('Redis'));
    expect(said.map(({ msg, shard }) => [msg, shard])).toEqual([
      ['Redis does not answer: chat goes on in memory', 'b'],
      ['Redis answers', 'b'],
    ]);
  });

  it('F3: each shard has a canary, and a late one has only that shard subscribed anew', async () => {
    const reconnected: string[] = [];
    gateway.fanOut.reconnect = (shard) => void reconnected.push(shard);
    gateway.fanOut.hear = (channel) => !SECOND.test(channel);
    await world.advance(2_500);
    expect(new Set(reconnected)).toEqual(new Set(['b']));
  });

  it('D6: sessions of a shard that is away go on where its slots go', async () => {
    await silence();
    down.say('m1');
    await world.settle();
    gateway.fanOut.shards = ['a', 'c'];
    gateway.fanOut.shardOf = (channel) => (SECOND.test(channel) ? 'c' : 'a');
    await answer();
    expect([statuses(down), stored(down)]).toEqual([['memory', 'redis'], [[1, 'm1']]]);
    expect(health()).toEqual(['redis', true]);
  });

  it('F3: a canary whose slot moves to another shard is replaced by one whose slot is still on its own', async () => {
    gateway.fanOut.shards = ['a', 'b'];
    // The two shards have exchanged their slots.
    gateway.fanOut.shardOf = (channel) => (SECOND.test(channel) ? 'a' : 'b');
    await world.advance(1_000);
    const reconnected: string[] = [];
    gateway.fanOut.reconnect = (shard) => void reconnected.push(shard);
    gateway.fanOut.hear = (channel) => !SECOND.test(channel);
    await world.advance(3_000);
    expect(new Set(reconnected)).toEqual(new Set(['a']));
    gateway.fanOut.hear = () => true;
    await world.advance(1_000);
    expect(health()).toEqual(['redis', true]);
  });

  it('D1: while no node was ever reached every session is in memory', async () => {
    const early = world.gateway(
      { REDIS_MODE: 'cluster' },
      {
        prepare: (starting) => {
          starting.silence();
          Object.assign(starting.fanOut, { shards: [] });
        },
      },
    );
    await world.advance(2_000);
    const member = await early.connect('new');
    expect([member.welcome['storage'], early.core.readiness()['storage']]).toEqual(['memory', 'memory']);
    member.say('m1');
    early.answer();
    early.fanOut.shards = ['a', 'b'];
    early.fanOut.shardOf = (channel) => (SECOND.test(channel) ? 'b' : 'a');
    await world.advance(2_000);
    expect([statuses(member), stored(member)]).toEqual([['redis'], [[1, 'm1']]]);
    expect(early.core.readiness()['storage']).toBe('redis');
  });
});
