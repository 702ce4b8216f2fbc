import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../../../test/support/fake-client.js';
import { gateOf } from '../../../test/support/gate.js';
import { ann, bob, gateway, setUpOneGateway, world } from '../../../test/support/one-gateway.js';

setUpOneGateway();

const CONFLICT = { type: 'error', code: 'id_conflict', id: 'm1' };

/** Every message has one fate. */
function imbalance(): number {
  const { counters, gauges } = gateway.metrics.gateway;
  const { messagesIn, stored, duplicates, refused } = counters;
  return messagesIn - stored - duplicates - refused - gauges.unstoredMessages;
}

async function expectOnce(sender: FakeClient, content: string): Promise<void> {
  expect(sender.ofType('error')).toMatchObject([CONFLICT]);
  expect(sender.ofType('error')[0]).not.toHaveProperty('retryAfterMs');
  expect(sender.ofType('ack')).toEqual([]);
  const { entries } = await world.store.read('s', { from: 1, limit: 10 });
  const mine = entries.filter(({ id }) => id === 'm1').map(({ body }) => body);
  expect(mine).toEqual([expect.stringContaining(`"content":"${content}"`)]);
  expect(imbalance()).toBe(0);
}

describe('an id that is used again with another content', () => {
  it.each([false, true])(
    'A4, V20: of a delivered message, is told, and not stored or shown; retry: %s',
    async (retry) => {
      ann.say('m1', 'first');
      await world.settle();
      ann.say('m1', 'second', retry ? { retry } : {});
      ann.say('m2');
      await world.settle();
      await expectOnce(ann, 'first');
      expect(bob.contents).toEqual(['first', 'm2']);
      ann.say('m1', 'first', { retry: true });
      await world.settle();
      expect(ann.ofType('ack')).toMatchObject([{ id: 'm1', seq: 1 }]);
    },
  );

  it('A4: of a message that only the store knows, is told', async () => {
    const forgetful = world.gateway({ TAIL_BYTES: '0' });
    ann.say('m1', 'first');
    await world.settle();
    const moved = await forgetful.connect('s', { client: 'secret-of-ann-0001' });
    moved.say('m1', 'second', { retry: true });
    moved.say('m1', 'first', { retry: true });
    await world.settle();
    expect(moved.ofType('error')).toMatchObject([CONFLICT]);
    expect(moved.ofType('ack')).toMatchObject([{ id: 'm1', seq: 1 }]);
    expect(bob.contents).toEqual(['first']);
  });

  it('A4: of a message in the same batch, or in flight, is told', async () => {
    ann.say('m1', 'first');
    ann.say('m1', 'second');
    await world.settle();
    await expectOnce(ann, 'first');
    const gate = gateOf(gateway.log, 'append');
    bob.say('m1', 'of bob');
    await world.settle();
    bob.say('m1', 'another of bob', { retry: true });
    gate.open();
    await world.settle();
    expect(bob.ofType('error')).toMatchObject([CONFLICT]);
    expect(ann.contents).toEqual(['first', 'of bob']);
  });

  it('A4: of another sender, is nobody’s business', async () => {
    ann.say('m1', 'of ann');
    await world.settle();
    bob.say('m1', 'of bob', { retry: true });
    await world.settle();
    expect([...ann.ofType('error'), ...bob.ofType('error')]).toEqual([]);
    expect(ann.contents).toEqual(['of ann', 'of bob']);
  });

  it.each([false, true])('A4, D2: of a message that waits in an outage, is told at once; retry: %s', async (retry) => {
    await world.silence();
    ann.say('m1', 'first');
    ann.say('m1', 'second', retry ? { retry } : {});
    ann.say('m1', 'first', retry ? { retry } : {});
    await world.settle();
    expect(ann.ofType('error')).toMatchObject([CONFLICT]);
    expect(new Set(bob.contents)).toEqual(new Set(['first']));
    await world.answer();
    await world.advance(3_000);
    expect(bob.ofType('message').filter(({ seq }) => seq !== undefined)).toMatchObject([{ seq: 1, content: 'first' }]);
    const { entries } = await world.store.read('s', { from: 1, limit: 10 });
    expect(entries.map(({ id }) => id)).toEqual(['m1']);
    expect(imbalance()).toBe(0);
  });

  it('A4, D2: of a message that was delivered before an outage, is told at once', async () => {
    ann.say('m1', 'first');
    await world.settle();
    await world.silence();
    ann.say('m1', 'second');
    await world.settle();
    expect(ann.ofType('error')).toMatchObject([CONFLICT]);
    await world.answer();
    await expectOnce(ann, 'first');
  });

  it('A4, D3: of a message that another gateway stores after the outage, is told when this one stores', async () => {
    const other = world.gateway();
    const moved = await other.connect('s', { client: 'secret-of-ann-0001' });
    gateway.silence();
    await world.advance(1_000);
    ann.say('m1', 'second');
    await world.settle();
    moved.say('m1', 'first');
    await world.settle();
    await world.answer();
    await world.advance(3_000);
    await expectOnce(ann, 'first');
  });

  it('A4: of two first sends at two gateways at once, loses neither text', async () => {
    const other = world.gateway();
    const moved = await other.connect('s', { client: 'secret-of-ann-0001' });
    ann.say('m1', 'first');
    moved.say('m1', 'second');
    await world.settle();
    const errors = [...ann.ofType('error'), ...moved.ofType('error')].length;
    expect(new Set(bob.contents).size + errors).toBe(2);
  });
});
