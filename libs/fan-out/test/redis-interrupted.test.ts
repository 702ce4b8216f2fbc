import { eventually, redisInfo, stopAll } from '@holdfast/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FanOut } from '../src/index.js';
import { freshChannel, Inbox } from './fan-out-contract.js';
import { type RedisFanOuts, redisFanOuts } from './fan-outs.js';

let fanOuts: RedisFanOuts;
let ours: FanOut;
let theirs: FanOut;
/** Channels in the order in which their interruption was reported. */
let told: string[];

beforeAll(async () => {
  fanOuts = await redisFanOuts();
});
beforeEach(async () => {
  ours = await fanOuts.create();
  theirs = await fanOuts.create();
  const channelsOfThisTest: string[] = [];
  told = channelsOfThisTest;
  ours.onInterrupted((channels) => void channelsOfThisTest.push(...channels));
});
afterEach(async () => {
  await Promise.all([ours.close(), theirs.close()]);
});
afterAll(async () => {
  await fanOuts.close();
  await stopAll();
});

async function subscribed(count: number): Promise<Map<string, Inbox>> {
  const inboxes = new Map(Array.from({ length: count }, () => [freshChannel(), new Inbox()] as const));
  await Promise.all([...inboxes].map(([channel, { listener }]) => ours.subscribe(channel, listener)));
  return inboxes;
}

const isConnected = (fanOut: FanOut) => fanOut.shards.every((shard) => fanOut.connectedTo(shard));
const killSubscribers = () => fanOuts.server.cli('client', 'kill', 'type', 'pubsub');
const commandCalls = async (command: string) => {
  const stats = await redisInfo(fanOuts.server.port, 'commandstats');
  return Number(/calls=(\d+)/.exec(stats.get(`cmdstat_${command}`) ?? 'calls=0')?.[1]);
};

async function back(): Promise<void> {
  await eventually('both connections', () => isConnected(ours) && isConnected(theirs), { everyMs: 2 });
  // Each fan-out has a second connection, to publish with.
  const channel = freshChannel();
  await eventually(
    'both to publish',
    async () => (await ours.publish(channel, 'x')) + (await theirs.publish(channel, 'x')) === 0,
    {
      everyMs: 2,
    },
  );
}

describe('a subscriber connection that breaks', () => {
  it('F4: reports its channels once they are subscribed again, and misses nothing after that', async () => {
    const inboxes = await subscribed(2_500);
    const missing = new Set(inboxes.keys());
    const heardAfter: Promise<number>[] = [];
    ours.onInterrupted((channels) => {
      for (const channel of channels) {
        missing.delete(channel);
        heardAfter.push(theirs.publish(channel, 'after'));
      }
    });
    await killSubscribers();
    await eventually('all channels to be told', () => missing.size === 0, { everyMs: 5 });
    expect(told).toHaveLength(2_500);
    expect(await Promise.all(heardAfter)).toEqual(heardAfter.map(() => 1));
    await Promise.all([...inboxes.values()].map((inbox) => inbox.has(1)));
  });

  it('F4: reports them again after the next break', async () => {
    const [channel, inbox] = [...(await subscribed(1))][0] ?? [];
    for (let round = 1; round <= 5; round++) {
      await killSubscribers();
      await eventually('the channel to be told', () => told.length >= round, { everyMs: 2 });
      expect(await theirs.publish(channel ?? '', `round ${round}`)).toBe(1);
      await inbox?.has(round);
    }
    expect(told).toEqual(Array.from({ length: 5 }, () => channel));
  });

  it('F3: is replaced on demand', async () => {
    const [channel, inbox] = [...(await subscribed(1))][0] ?? [];
    ours.reconnect('');
    await eventually('the channel to be told', () => told.length > 0, { everyMs: 2 });
    await theirs.publish(channel ?? '', 'heard');
    await inbox?.has(1);
    expect(isConnected(ours)).toBe(true);
  });

  it('restores nothing that was unsubscribed before or meanwhile', async () => {
    const channels = [...(await subscribed(3)).keys()];
    const [before = '', meanwhile = '', kept = ''] = channels;
    await ours.unsubscribe(before);
    await killSubscribers();
    await eventually('the connection to be lost', () => !isConnected(ours), { everyMs: 1 });
    await ours.unsubscribe(meanwhile);
    await eventually('the channel to be told', () => told.length > 0, { everyMs: 2 });
    expect(told).toEqual([kept]);
    for (const channel of [before, meanwhile]) expect(await theirs.publish(channel, 'x')).toBe(0);
  });

  it('restores nothing that is unsubscribed while it restores', async () => {
    const channels = [...(await subscribed(2_500)).keys()];
    let left: Promise<unknown> | undefined;
    ours.onInterrupted(() => {
      left ??= Promise.all(channels.map((channel) => ours.unsubscribe(channel)));
    });
    await killSubscribers();
    await eventually('the first channels to be told', () => left !== undefined, { everyMs: 1 });
    await left;
    await eventually(
      'all to be unsubscribed',
      async () => !(await serverChannels()).some((name) => channels.includes(name)),
    );
    expect(told.length).toBeLessThan(2_500);
  });
});

describe('a Redis that is away', () => {
  it('D1: refuses to subscribe and to publish, and leaves nothing behind', async () => {
    const [kept = ''] = [...(await subscribed(1)).keys()];
    const channel = freshChannel();
    const inbox = new Inbox();
    await fanOuts.server.kill();
    await eventually('the connection to be lost', () => !isConnected(ours), { everyMs: 1 });
    await expect(ours.subscribe(channel, inbox.listener)).rejects.toThrow();
    await expect(ours.publish(channel, 'x')).rejects.toThrow();
    await ours.unsubscribe(channel);
    await fanOuts.server.start();
    await back();
    await eventually('the channel to be told', () => told.length > 0, { everyMs: 2 });
    expect(told).toEqual([kept]);
    expect(await theirs.publish(channel, 'x')).toBe(0);
    await ours.subscribe(channel, inbox.listener);
    await theirs.publish(channel, 'heard');
    await inbox.has(1);
  });

  it('D1: a subscription that is not confirmed in time is refused, and leaves nothing behind', async () => {
    const impatient = await redisFanOuts(200);
    const late = await impatient.create();
    const channel = freshChannel();
    impatient.server.pause();
    await expect(late.subscribe(channel, () => undefined)).rejects.toThrow(/timed out/i);
    impatient.server.resume();
    const subscribers = () => impatient.server.cli('pubsub', 'numsub', channel);
    await eventually('nobody to be subscribed', async () => (await subscribers()) === `${channel}\n0`);
    await eventually('a subscription', () => late.subscribe(channel, () => undefined).then(() => true));
    expect(await subscribers()).toBe(`${channel}\n1`);
    await impatient.close();
  });

  it('a subscription in progress when the connection breaks either fails or holds', async () => {
    for (let round = 0; round < 20; round++) {
      await back();
      const channel = freshChannel();
      const inbox = new Inbox();
      const killed = killSubscribers();
      const outcome = await ours.subscribe(channel, inbox.listener).then(
        () => 'subscribed',
        () => 'refused',
      );
      await killed;
      await back();
      if (outcome === 'refused') {
        expect(await theirs.publish(channel, 'x')).toBe(0);
        await ours.subscribe(channel, inbox.listener);
      } else {
        await eventually('the subscription', async () => (await theirs.publish(channel, 'x')) === 1);
      }
      await ours.unsubscribe(channel);
    }
  });
});

describe('what it costs', () => {
  it('F1: one connection for any number of channels, one command for those of one turn', async () => {
    const before = await commandCalls('subscribe');
    await subscribed(900);
    expect((await commandCalls('subscribe')) - before).toBe(1);
    const clients = await fanOuts.server.cli('client', 'list', 'type', 'pubsub');
    expect(clients.split('\n').filter((line) => / sub=900 /.test(line))).toHaveLength(1);
  });
});

/** All channels that have a subscriber. */
async function serverChannels(): Promise<string[]> {
  return (await fanOuts.server.cli('pubsub', 'channels', '*')).split('\n');
}
