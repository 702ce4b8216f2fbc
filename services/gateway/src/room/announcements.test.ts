import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GatewayInWorld, World } from '../../test/support/world.js';

const LIVE = liveChannel('s');

let world: World;
let here: GatewayInWorld;
let there: GatewayInWorld;
beforeEach(() => {
  world = new World();
  here = world.gateway();
  there = world.gateway();
});
afterEach(() => world.close());

/** From now on nothing that is published in the session reaches a gateway. */
function deafen(gateway: GatewayInWorld): void {
  gateway.fanOut.hear = (channel) => channel !== LIVE;
}

/** How often a gateway has published into the session. */
function publishesOf(gateway: GatewayInWorld): () => number {
  let count = 0;
  gateway.fanOut.beforePublish = (channel) => {
    if (channel === LIVE) count += 1;
  };
  return () => count;
}

describe('the last message before a lull', () => {
  it('F4: reaches members within 3 s although its publish was lost', async () => {
    const [sender, reader] = [await here.connect('s'), await there.connect('s')];
    deafen(there);
    sender.say('m1');
    await world.settle();
    there.fanOut.hear = () => true;
    await world.advance(900);
    expect(reader.seqs).toEqual([]);
    await world.advance(2_000);
    expect(reader.seqs).toEqual([1]);
    expect(sender.seqs).toEqual([1]);
  });

  it('F4: is announced once, when the session has gone quiet', async () => {
    const sender = await here.connect('s');
    await there.connect('s');
    const [ours, theirs] = [publishesOf(here), publishesOf(there)];
    for (let i = 1; i <= 8; i++) {
      sender.say(`m${i}`);
      await world.advance(500);
    }
    expect(ours()).toBe(0);
    await world.advance(10_000);
    expect([ours(), theirs()]).toEqual([1, 0]);
    expect(sender.seqs).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('F4: is announced also when its sender has gone, and again when that failed', async () => {
    const [sender, reader] = [await here.connect('s'), await there.connect('s')];
    deafen(there);
    sender.say('m1');
    await world.settle();
    sender.leave();
    there.fanOut.hear = () => true;
    here.fanOut.beforePublish = () => Promise.reject(new Error('away'));
    await world.advance(2_500);
    expect(reader.seqs).toEqual([]);
    here.fanOut.beforePublish = () => undefined;
    await world.advance(2_000);
    expect(reader.seqs).toEqual([1]);
  });

  it('A1, F4: is not announced again and again where Redis forbids to publish, and found in the log', async () => {
    const [sender, reader] = [await here.connect('s'), await there.connect('s')];
    const ours = publishesOf(here);
    const count = here.fanOut.beforePublish;
    here.fanOut.beforePublish = (channel) => {
      void count(channel);
      if (channel !== LIVE) return undefined;
      const refusal = new Error('NOPERM No permissions to access a channel');
      refusal.name = 'ReplyError';
      return Promise.reject(refusal);
    };
    deafen(there);
    sender.say('m1');
    await world.advance(10_000);
    expect(ours()).toBe(1);
    expect(sender.seqs).toEqual([1]);
    await world.advance(45_000);
    expect(reader.seqs).toEqual([1]);
  });

  it('F4: is found in the log although nobody announced it', async () => {
    const reader = await there.connect('s');
    deafen(there);
    await world.append('s', 'm1');
    there.fanOut.hear = () => true;
    await world.advance(46_000);
    expect(reader.seqs).toEqual([1]);
  });

  it('G5: the announcement does not make the session live longer', async () => {
    const sender = await here.connect('s');
    sender.say('m1');
    await world.advance(3_539_000);
    expect(sender.ofType('session')).toEqual([]);
    // Had it counted as a message, two seconds after the first, nobody would be told yet.
    await world.advance(2_000);
    expect(sender.ofType('session')).toMatchObject([{ event: 'expiring' }]);
  });
});
