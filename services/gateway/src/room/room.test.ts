import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { gateOf } from '../../test/support/gate.js';
import { ann, bob, hearAgain, here, lose, say, setUpTwoGateways, world } from '../../test/support/two-gateways.js';

setUpTwoGateways({ env: { MAX_MESSAGES_PER_SECOND: '0', HEARTBEAT_INTERVAL: '1' } });

const reads = (): number => here.log.of('read').length;
const idsOf = (client: FakeClient): unknown[] => client.ofType('message').map((frame) => frame['id']);
const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('delivery in a room', () => {
  it('V2: every member on every gateway gets every message in seq order; the sender its own as acknowledgement', async () => {
    for (let i = 1; i <= 20; i++) (i % 3 === 0 ? ann : bob).say(`m${i}`);
    await world.settle();
    expect([ann.seqs, bob.seqs]).toEqual([upTo(20), upTo(20)]);
    expect(ann.received).toEqual(expect.arrayContaining(bob.ofType('message')));
    expect(ann.ofType('message')[0]).toEqual({
      type: 'message',
      seq: 1,
      id: expect.any(String),
      content: expect.any(String),
      sender: expect.any(String),
      timestamp: world.clock.now(),
    });
    expect(reads()).toBe(1);
  });

  it('P2: plain members get the same as sentences, with the count', async () => {
    const plain = await here.connect('s', { plain: true });
    await say(ann, 'm1');
    plain.send('two\n"quoted" ünïcode \u2028');
    await world.settle();
    const content = 'two\n"quoted" ünïcode \u2028';
    expect(plain.received).toEqual([
      {
        type: 'message',
        count: 1,
        echo: 'm1',
        content: 'Message #1: m1',
        timestamp: world.clock.now(),
        isSent: false,
        sessionId: 's',
      },
      expect.objectContaining({ count: 2, echo: content, content: `Message #2: ${content}` }),
    ]);
    expect(bob.contents).toEqual(['m1', content]);
  });

  it('F2: a message heard twice is delivered once', async () => {
    const epoch = await world.epochOf('s');
    await say(bob, 'm1', 'm2');
    world.publishForged('s', epoch, { seq: 0, id: '' }, 'm1', 'm2');
    world.publishForged('s', epoch, { seq: 1, id: 'm1' }, 'm2');
    await world.settle();
    expect(ann.seqs).toEqual([1, 2]);
    expect(reads()).toBe(1);
  });
});

describe('what does not follow on the position', () => {
  it('F2: skips ahead: the publish before it was lost, and is delivered first', async () => {
    await say(bob, 'm1');
    lose(2);
    await say(bob, 'm2', 'm3');
    expect(ann.seqs).toEqual([1]);
    await say(bob, 'm4');
    expect(ann.seqs).toEqual([1, 2, 3, 4]);
    expect(here.counters.gaps).toBe(0);
  });

  it('F2: the last publish was lost: what this gateway stored is delivered within 100 ms of the answer', async () => {
    lose();
    await say(ann, 'm1');
    await world.advance(99);
    expect(ann.seqs).toEqual([]);
    await world.advance(1);
    expect(ann.seqs).toEqual([1]);
  });

  it('F4: the last publish was lost: what another gateway stored is delivered when the subscriber is back', async () => {
    lose();
    await say(bob, 'm1', 'm2');
    hearAgain();
    here.fanOut.interrupt();
    await world.settle();
    expect(ann.seqs).toEqual([1, 2]);
  });

  it('F2: another id before its first message starts a sync; what the log does not have is never delivered', async () => {
    const epoch = await world.epochOf('s');
    await say(bob, 'm1', 'm2');
    world.publishForged('s', epoch, { seq: 2, id: 'other' }, 'forged');
    await world.settle();
    expect(reads()).toBe(2);
    expect(idsOf(ann)).toEqual(['m1', 'm2']);
    await say(bob, 'm3');
    expect(idsOf(ann)).toEqual(['m1', 'm2', 'm3']);
  });

  it('F2: another id at a seq already delivered starts a sync', async () => {
    const epoch = await world.epochOf('s');
    await say(bob, 'm1', 'm2', 'm3');
    world.publishForged('s', epoch, { seq: 1, id: 'm1' }, 'other', 'm3');
    await world.settle();
    expect(reads()).toBe(2);
    world.publishForged('s', epoch, { seq: 2, id: 'm2' }, 'other');
    await world.settle();
    expect(reads()).toBe(3);
    expect(idsOf(ann)).toEqual(['m1', 'm2', 'm3']);
  });

  it('F2: another epoch starts a sync', async () => {
    await say(bob, 'm1');
    world.publishForged('s', 'another-epoch', { seq: 1, id: 'm1' }, 'forged');
    await world.settle();
    expect(reads()).toBe(2);
    expect(idsOf(ann)).toEqual(['m1']);
  });

  it('F2: a steady stream of messages starts none, although answers often come before publishes', async () => {
    let held: (() => void)[] = [];
    here.fanOut.arrive = (deliver) => {
      held.push(deliver);
      world.clock.setTimeout(() => held.shift()?.(), 3);
    };
    for (let i = 1; i <= 500; i++) {
      ann.say(`m${i}`);
      await world.advance(2);
    }
    await world.advance(200);
    held = [];
    expect(ann.seqs).toEqual(upTo(500));
    expect(reads()).toBe(1);
  });

  it('F2: what arrives while a sync runs comes after what the sync delivers, each once', async () => {
    lose(1);
    await say(bob, 'm1');
    const gate = gateOf(here.log, 'read', 'after');
    await say(bob, 'm2', 'm3');
    await say(ann, 'm4');
    expect(ann.seqs).toEqual([]);
    gate.open();
    await world.advance(300);
    expect(ann.seqs).toEqual([1, 2, 3, 4]);
  });

  it('F2: also when that is more than it holds', async () => {
    lose(1);
    await say(bob, 'first');
    const gate = gateOf(here.log, 'read', 'after');
    await say(bob, 'second');
    for (let i = 0; i < 1_200; i++) await world.append('s', `x${i}`);
    await world.settle();
    gate.open();
    await world.advance(300);
    expect(ann.seqs).toEqual(upTo(1_202));
  });
});
