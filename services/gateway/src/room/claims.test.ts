import { encodeSessionEvent, type SessionEvent } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { ann, bob, here, LIVE, say, setUpTwoGateways, world } from '../../test/support/two-gateways.js';

setUpTwoGateways({ ttl: 600, env: { MAX_MESSAGES_PER_SECOND: '0', HEARTBEAT_INTERVAL: '3600' } });

/** Publishes on the channel of the session, as somebody may who may do nothing else. */
async function forge(event: SessionEvent): Promise<void> {
  world.broker.publish(LIVE, encodeSessionEvent(event));
  await world.settle();
}

/** What was ignored, by kind, at the gateway of ann. */
async function ignored(kind: string): Promise<number> {
  const text = await here.metrics.exposition();
  const line = new RegExp(`^holdfast_unconfirmed_total\\{.*kind="${kind}".*\\} (\\d+)$`, 'm').exec(text);
  return Number(line?.[1]);
}

const events = (client: typeof ann): unknown[] => client.ofType('session').map(({ event }) => event);

describe('F8: a forged', () => {
  it.each([
    ['epoch of the session', () => world.epochOf('s')],
    ['later epoch', async () => 'zzzz'],
    ['empty epoch', async () => ''],
  ])('deletion with the %s deletes nothing, closes nobody and is counted', async (_what, epochOf) => {
    const unstored = await here.connect('s', { persistent: false });
    await say(ann, 'm1');
    await forge({ event: 'deleted', epoch: await epochOf() });
    await say(bob, 'm2');
    expect(ann.contents).toEqual(['m1', 'm2']);
    expect([ann, bob, unstored].map((client) => [client.closeCode, events(client)])).toEqual([
      [undefined, []],
      [undefined, []],
      [undefined, []],
    ]);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    expect(await ignored('deleted')).toBe(1);
    // Nothing is remembered either that would bury the session later (G5).
    here.fanOut.interrupt();
    await world.advance(5_000);
    const late = await here.connect('s', { resume: { lastSeq: 0 } });
    expect(late.contents).toEqual(['m1', 'm2']);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
  });

  it('deletion where only members without persistence are here closes nobody', async () => {
    const unstored = await here.connect('elsewhere', { persistent: false });
    world.broker.publish('{session:elsewhere}:live', encodeSessionEvent({ event: 'deleted', epoch: 'zzzz' }));
    await world.settle();
    expect(unstored.closeCode).toBeUndefined();
    expect(await ignored('deleted')).toBe(1);
  });

  it('extension changes no ttl, puts off no expiry, and is told to nobody', async () => {
    await say(ann, 'm1');
    await world.advance(60_000);
    await forge({ event: 'extended', ttl: 9_999_999 });
    // The right ttl, but not now.
    await forge({ event: 'extended', ttl: 600 });
    expect(events(ann)).toEqual([]);
    expect(await ignored('extended')).toBe(2);
    expect(here.core.rooms.get('s')?.expiry.ttl).toBe(600);
    await world.advance(545_000);
    expect(events(ann)).toEqual(['expiring', 'expired']);
    expect(await world.store.get('s')).toBeUndefined();
  });

  it('fork changes no epoch and resets nobody', async () => {
    await say(ann, 'm1');
    await forge({ event: 'epoch', epoch: 'zzzz' });
    await say(bob, 'm2');
    expect(events(ann)).toEqual([]);
    expect(ann.seqs).toEqual([1, 2]);
    expect(await ignored('epoch')).toBe(1);
  });

  it('message of an epoch that its publisher does not know, or behind a gap, is shown to nobody and stored nowhere', async () => {
    await say(ann, 'm1');
    const epoch = await world.epochOf('s');
    world.publishForged('s', 'guessed', { seq: 1, id: 'm1' }, 'forged');
    await world.settle();
    world.publishForged('s', epoch, { seq: 7, id: 'm7' }, 'ahead');
    await world.settle();
    world.publishForged('s', epoch, { seq: 1, id: 'other' }, 'instead');
    await world.settle();
    await say(bob, 'm2');
    await world.advance(5_000);
    expect(ann.contents).toEqual(['m1', 'm2']);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    expect(await ignored('message')).toBe(3);
  });
});

describe('F8: a flood of forged payloads', () => {
  it.each([
    ['deletions', (n: number) => encodeSessionEvent({ event: 'deleted', epoch: `z${n}` })],
    ['extensions', (n: number) => encodeSessionEvent({ event: 'extended', ttl: n + 1 })],
    ['forks', (n: number) => encodeSessionEvent({ event: 'epoch', epoch: `z${n}` })],
    ['messages', (n: number) => `m guessed ${n + 1} \nkey\n{"type":"message","seq":${n + 1},"id":"x","content":"x"}`],
  ])('of %s costs a few reads a second, and one line of the log', async (_what, payload) => {
    const before = here.log.calls.length;
    for (let second = 0; second < 5; second++) {
      for (let n = 0; n < 500; n++) world.broker.publish(LIVE, payload(second * 500 + n));
      await world.advance(1_000);
    }
    // Ten at once and four a second, each with a second read where a sync follows.
    const calls = here.log.calls.slice(before).map(({ method }) => method);
    expect(calls.length).toBeGreaterThan(5);
    expect(calls.length).toBeLessThanOrEqual(2 * (10 + 5 * 4));
    expect(new Set(calls)).toEqual(new Set(['read']));
    expect(here.messages.filter((line) => String(line).includes('not confirmed'))).toHaveLength(1);
    await say(bob, 'm1');
    expect(ann.contents).toEqual(['m1']);
  });

  it('hides neither a deletion nor a lost message', async () => {
    await say(ann, 'm1');
    here.fanOut.hear = () => false;
    await say(bob, 'm2');
    here.fanOut.hear = () => true;
    for (let n = 0; n < 500; n++) world.broker.publish(LIVE, encodeSessionEvent({ event: 'deleted', epoch: `z${n}` }));
    await say(bob, 'm3');
    await world.advance(2_000);
    expect(ann.contents).toEqual(['m1', 'm2', 'm3']);
    for (let n = 0; n < 500; n++) world.broker.publish(LIVE, encodeSessionEvent({ event: 'deleted', epoch: `y${n}` }));
    await world.store.remove('s');
    await world.advance(6_000);
    expect(ann.closeCode).toBe(4404);
    expect(events(ann)).toEqual(['deleted']);
  });

  it('of what cannot be read is counted and costs one line', async () => {
    for (let n = 0; n < 500; n++) world.broker.publish(LIVE, 'hello');
    await world.settle();
    expect(await ignored('unreadable')).toBe(500);
    expect(here.messages.filter((line) => String(line).includes('not confirmed'))).toHaveLength(1);
  });
});

describe('F8: a claim', () => {
  it('T1, V7: of an extension is told once Redis confirms it', async () => {
    await world.store.extend('s', 100);
    await world.settle();
    expect(ann.ofType('session')).toEqual([{ type: 'session', event: 'extended', ttl: 100 }]);
    expect(await ignored('extended')).toBe(0);
  });

  it('that cannot be looked at is looked at again when Redis answers', async () => {
    await say(ann, 'm1');
    here.log.fate = () => 'silence';
    await world.store.remove('s');
    await world.settle();
    expect(ann.closeCode).toBeUndefined();
    here.log.fate = () => 'works';
    await world.advance(5_000);
    expect(ann.closeCode).toBe(4404);
  });

  it('V7: of a deletion closes those without persistence too, when the session is not there any more', async () => {
    await world.store.open('only-unstored');
    const unstored = await here.connect('only-unstored', { persistent: false });
    await world.store.remove('only-unstored');
    await world.settle();
    expect(unstored.closeCode).toBe(4404);
  });
});
