import { eventually, type RedisServer, stopAll } from '@holdfast/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FanOut } from '../src/index.js';
import { keySlot } from '../src/key-slot.js';
import { freshChannel, Inbox } from './fan-out-contract.js';
import { type ClusterFanOuts, clusterFanOuts } from './fan-outs.js';

let fanOuts: ClusterFanOuts;
let ours: FanOut;
let theirs: FanOut;
let told: string[];
/** Subscribed channels by the node that serves them. */
let byNode: Map<RedisServer, string[]>;
let inboxes: Map<string, Inbox>;

beforeAll(async () => {
  fanOuts = await clusterFanOuts();
});
beforeEach(async () => {
  ours = await fanOuts.create();
  theirs = await fanOuts.create();
  const channelsOfThisTest: string[] = [];
  told = channelsOfThisTest;
  ours.onInterrupted((channels) => void channelsOfThisTest.push(...channels));
  inboxes = new Map(Array.from({ length: 12 }, () => [freshChannel(), new Inbox()] as const));
  byNode = new Map();
  for (const [channel, { listener }] of inboxes) {
    const node = await fanOuts.cluster.ownerOf(channel);
    byNode.set(node, [...(byNode.get(node) ?? []), channel]);
    await ours.subscribe(channel, listener);
  }
});
afterEach(async () => {
  await Promise.all([ours.close(), theirs.close()]);
});
afterAll(async () => {
  await fanOuts.close();
  await stopAll();
});

/** A node that serves some of the channels, its channels, and those of the others. */
function oneNode(): { node: RedisServer; its: string[]; others: string[] } {
  const [[node, its] = []] = byNode;
  if (!node || !its) throw new Error('no node');
  return { node, its, others: [...inboxes.keys()].filter((channel) => !its.includes(channel)) };
}

async function expectHeard(channels: readonly string[], text: string): Promise<void> {
  for (const channel of channels) {
    const inbox = inboxes.get(channel);
    const before = inbox?.payloads.length ?? 0;
    expect(await theirs.publish(channel, text)).toBe(1);
    await inbox?.has(before + 1);
  }
}

describe('a subscriber of a cluster', () => {
  it('K4: knows the slot of every channel', async () => {
    const [node] = fanOuts.cluster.nodes;
    for (const key of ['session:a', '{session:a}:live', 'holdfast:broadcast', '{}x', '{', 'a{b}c{d}', 'ü{', '']) {
      expect([key, String(keySlot(key))]).toEqual([key, await node?.cli('cluster', 'keyslot', key)]);
    }
  });

  it('F4: reports the channels of the shard whose connection broke, and misses nothing after that', async () => {
    const { node, its, others } = oneNode();
    for (let round = 1; round <= 3; round++) {
      await node.cli('client', 'kill', 'type', 'pubsub');
      await eventually('the channels to be told', () => told.length >= its.length * round, { everyMs: 2 });
      await expectHeard(its, `round ${round}`);
    }
    await expectHeard(others, 'elsewhere');
    expect(told.sort()).toEqual([...its, ...its, ...its].sort());
  });

  it('F3: replaces connections on demand, and reports all channels', async () => {
    for (const shard of ours.shards) ours.reconnect(shard);
    await eventually('the channels to be told', () => told.length >= inboxes.size, { everyMs: 2 });
    expect([...told].sort()).toEqual([...inboxes.keys()].sort());
    await expectHeard([...inboxes.keys()], 'again');
  });

  it('restores nothing that was unsubscribed while it was away', async () => {
    const [gone = '', ...kept] = [...inboxes.keys()];
    for (const shard of ours.shards) ours.reconnect(shard);
    await ours.unsubscribe(gone);
    await eventually('the channels to be told', () => told.length >= kept.length, { everyMs: 2 });
    await eventually('it to be forgotten', async () => (await theirs.publish(gone, 'x')) === 0);
    expect([...told].sort()).toEqual([...kept].sort());
    const { node, its } = oneNode();
    await node.cli('client', 'kill', 'type', 'pubsub');
    await eventually('to be back', () =>
      its.every((channel) => channel === gone || told.filter((t) => t === channel).length === 2),
    );
    expect(await theirs.publish(gone, 'x')).toBe(0);
  });

  it('D6: names the shard of each channel, and drops one shard’s connection alone', async () => {
    const { node, its, others } = oneNode();
    const shard = `127.0.0.1:${node.port}`;
    expect([...ours.shards]).toEqual(fanOuts.cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).toSorted());
    expect(its.map((channel) => ours.shardOf(channel))).toEqual(its.map(() => shard));
    ours.reconnect(shard);
    await eventually('the channels to be told', () => told.length >= its.length, { everyMs: 2 });
    await expectHeard([...its, ...others], 'again');
    expect([...told].sort()).toEqual([...its].sort());
  });

  it('A7: reports the channels of a slot that moved, and misses nothing after that', async () => {
    const [channel = '', ...others] = [...inboxes.keys()];
    for (let round = 1; round <= 3; round++) {
      const to = await fanOuts.cluster.moveSlot(channel, () => expectHeard([channel], 'on the move'));
      await eventually('the channel to be told', () => told.length >= round);
      await expectHeard([channel], `round ${round}`);
      expect(ours.shardOf(channel)).toBe(`127.0.0.1:${to.port}`);
    }
    await expectHeard(others, 'elsewhere');
    expect(new Set(told)).toEqual(new Set([channel]));
  });

  it('A7: can subscribe and unsubscribe channels of slots that moved unnoticed', async () => {
    const channel = freshChannel();
    await fanOuts.cluster.moveSlot(channel);
    const inbox = new Inbox();
    await eventually('the channel to be subscribed', async () => {
      await ours.subscribe(channel, inbox.listener);
      return true;
    });
    expect(await theirs.publish(channel, 'x')).toBe(1);
    await inbox.has(1);
    await ours.unsubscribe(channel);
    expect(await theirs.publish(channel, 'x')).toBe(0);
  });

  it('D6: a shard that is down refuses its own channels only, which are reported when it is back', async () => {
    const { node, its, others } = oneNode();
    await node.kill();
    const outcome = async (channel: string) => {
      const name = `${channel}:more`;
      const subscribed = await ours
        .subscribe(name, () => undefined)
        .then(
          () => true,
          () => false,
        );
      return [channel, subscribed] as const;
    };
    const outcomes = new Map(await Promise.all([...inboxes.keys()].map(outcome)));
    expect([...outcomes].filter(([, subscribed]) => subscribed).map(([channel]) => channel)).toEqual(others);
    await expectHeard(others, 'meanwhile');
    expect(told).toEqual([]);

    await node.start();
    await fanOuts.cluster.whole();
    await eventually('the channels to be told', () => told.length >= its.length);
    await eventually('the publisher', async () => (await theirs.publish(its[0] ?? '', 'probe').catch(() => 0)) === 1);
    for (const channel of its) expect(await theirs.publish(`${channel}:more`, 'x')).toBe(0);
    expect([...told].sort()).toEqual([...its].sort());
  });
});
