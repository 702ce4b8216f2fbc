import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeClient } from '../../test/support/fake-client.js';
import { gateOf } from '../../test/support/gate.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';
import { identify } from '../connection/identity.js';

let world: World;
let gateway: GatewayInWorld;
let epoch: string;
/** A session with m1 … m10, of which the newest five are kept. */
beforeEach(async () => {
  world = new World({ historyMax: 5 });
  gateway = world.gateway({ MESSAGE_HISTORY_MAX: '5' });
  await world.append('s', ...Array.from({ length: 10 }, (_, index) => `m${index + 1}`));
  epoch = await world.epochOf('s');
});
afterEach(() => world.close());

const resumed = (lastSeq: number, more: { lastId?: string; epoch?: string } = {}): Promise<FakeClient> =>
  gateway.connect('s', { resume: { lastSeq, epoch, ...more } });

describe('resuming', () => {
  it('R1: from a position that is right: what came after it, in order, then live messages', async () => {
    const member = await resumed(7, { lastId: 'm7' });
    expect(member.welcome).toMatchObject({ recovered: true, seq: 10, firstSeq: 6, epoch });
    expect(member.seqs).toEqual([8, 9, 10]);
    await world.append('s', 'm11');
    await world.settle();
    expect(member.seqs).toEqual([8, 9, 10, 11]);
    expect(gateway.counters.recovered).toBe(3);
  });

  it('R1: from the newest position: live messages only', async () => {
    const member = await resumed(10, { lastId: 'm10' });
    expect(member.welcome).toMatchObject({ recovered: true, seq: 10 });
    expect(member.seqs).toEqual([]);
  });

  it('R1: from right before the oldest kept: everything kept', async () => {
    const member = await resumed(5, { lastId: 'm5' });
    expect(member.welcome).toMatchObject({ recovered: true });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
  });

  it('R1, F9: many that come back together, from before what is in memory: one read for all of them', async () => {
    const forgetful = world.gateway({ MESSAGE_HISTORY_MAX: '5', TAIL_BYTES: '0' });
    await forgetful.connect('s');
    const reads = forgetful.log.of('read').length;
    const resume = { lastSeq: 7, lastId: 'm7', epoch };
    const members = Array.from({ length: 50 }, () => forgetful.dial('s', { resume }));
    const another = forgetful.dial('s', { resume: { ...resume, lastId: 'another' } });
    await world.settle();
    for (const { welcome, seqs } of members) expect([welcome?.['recovered'], seqs]).toEqual([true, [8, 9, 10]]);
    expect([another.welcome?.['recovered'], another.seqs]).toEqual([false, [6, 7, 8, 9, 10]]);
    expect(forgetful.log.of('read').length - reads).toBeLessThanOrEqual(3);
  });

  it('R1: on the plain protocol: the same messages as sentences', async () => {
    const member = await gateway.connect('s', { plain: true, resume: { lastSeq: 8, lastId: 'm8', epoch } });
    expect(member.contents).toEqual(['m9', 'm10']);
    expect(member.received).toHaveLength(2);
  });

  it('R1: what is sent while the history is read comes after it, once', async () => {
    const forgetful = world.gateway({ TAIL_BYTES: '0' });
    const live = await forgetful.connect('s');
    const gate = gateOf(forgetful.log, 'read', 'after');
    const member = await forgetful.connect('s', { resume: { lastSeq: 7, epoch } });
    expect([member.welcome['recovered'], member.seqs, gate.waiting]).toEqual([true, [], 1]);
    await world.append('s', 'm11', 'm12');
    await world.settle();
    expect(live.seqs).toEqual([11, 12]);
    gate.open();
    await world.settle();
    expect(member.seqs).toEqual([8, 9, 10, 11, 12]);
  });

  it('R2: another epoch: not recovered, the kept history, then live', async () => {
    const member = await resumed(7, { epoch: 'another' });
    expect(member.welcome).toMatchObject({ recovered: false, seq: 10, firstSeq: 6 });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
  });

  it('R2: a number without an epoch: not recovered', async () => {
    const member = await gateway.connect('s', { resume: { lastSeq: 7 } });
    expect(member.welcome).toMatchObject({ recovered: false });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
  });

  it('R2: older than the history kept: not recovered', async () => {
    const member = await resumed(4, { lastId: 'm4' });
    expect(member.welcome).toMatchObject({ recovered: false });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
  });

  it.each([
    ['in the tail', {}],
    ['in the log', { TAIL_BYTES: '0' }],
  ])('R2: another id at the number, found %s: not recovered; G6: and nothing else happens', async (_where, env) => {
    gateway = world.gateway(env);
    const witness = await gateway.connect('s');
    const member = await resumed(7, { lastId: 'other' });
    expect(member.welcome).toMatchObject({ recovered: false, epoch });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
    expect(witness.received).toHaveLength(1);
  });

  it('R2: newer than the newest: waits a second for the room to catch up, then is not recovered', async () => {
    const member = gateway.dial('s', { resume: { lastSeq: 12, lastId: 'm12', epoch } });
    await world.advance(900);
    expect(member.received).toEqual([]);
    await world.advance(200);
    expect(member.welcome).toMatchObject({ recovered: false, seq: 10 });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
  });

  it('R1: newer than this room, because its gateway has missed something: recovered as soon as it has caught up', async () => {
    const witness = await gateway.connect('s');
    gateway.fanOut.hear = (channel) => channel !== liveChannel('s');
    await world.append('s', 'm11', 'm12');
    await world.settle();
    const member = await resumed(11, { lastId: 'm11' });
    expect(member.welcome).toMatchObject({ recovered: true, seq: 12 });
    expect([member.seqs, witness.seqs]).toEqual([[12], [11, 12]]);
  });

  it('R2: newer than the newest and with another id once it is there: not recovered', async () => {
    const member = gateway.dial('s', { resume: { lastSeq: 11, lastId: 'other', epoch } });
    await world.advance(300);
    await world.append('s', 'm11');
    await world.advance(300);
    expect(member.welcome).toMatchObject({ recovered: false });
    expect(member.seqs).toEqual([7, 8, 9, 10, 11]);
  });

  it('R3: without last_seq: no history, only what comes after the welcome', async () => {
    const member = await gateway.connect('s');
    expect(member.welcome).toMatchObject({ recovered: false, seq: 10, firstSeq: 6 });
    await world.append('s', 'm11');
    await world.settle();
    expect(member.seqs).toEqual([11]);
  });

  it('R3: last_seq=0 without an epoch: the kept history, which is not all there ever was', async () => {
    const member = await gateway.connect('s', { resume: { lastSeq: 0 } });
    expect(member.welcome).toMatchObject({ recovered: false });
    expect(member.seqs).toEqual([6, 7, 8, 9, 10]);
  });

  it('R3: last_seq=0 without an epoch: recovered when the history is all there ever was', async () => {
    await world.append('short', 'a', 'b');
    const member = await gateway.connect('short', { resume: { lastSeq: 0 } });
    expect(member.welcome).toMatchObject({ recovered: true, seq: 2 });
    expect(member.seqs).toEqual([1, 2]);
    const first = await gateway.connect('new', { resume: { lastSeq: 0 } });
    expect(first.welcome).toMatchObject({ recovered: true, seq: 0, firstSeq: 0 });
  });

  it('R3: a session whose count was set without messages has a history that is not all there ever was', async () => {
    await world.store.put('set', { count: 5 });
    const member = await gateway.connect('set', { resume: { lastSeq: 0 } });
    expect(member.welcome).toMatchObject({ recovered: false, seq: 5, firstSeq: 0 });
    member.say('next');
    await world.settle();
    expect(member.seqs).toEqual([6]);
  });

  it('R1: last_seq=0 with the epoch: recovered when the history reaches back that far', async () => {
    expect((await resumed(0)).welcome).toMatchObject({ recovered: false });
    await world.append('short', 'a', 'b');
    const short = await world.epochOf('short');
    const member = await gateway.connect('short', { resume: { lastSeq: 0, epoch: short } });
    expect([member.welcome['recovered'], member.seqs]).toEqual([true, [1, 2]]);
  });
});

describe('the welcome', () => {
  it('V1: has every field, and is the first frame', async () => {
    await world.advance(1_000);
    const member = await gateway.connect('s', { client: 'secret-of-ann-0001' });
    expect(member.welcome).toEqual({
      type: 'welcome',
      protocol: 'holdfast.v1',
      sessionId: 's',
      connectionId: expect.any(String),
      sender: identify('', 'secret-of-ann-0001').sender,
      persistence: 'redis',
      storage: 'redis',
      epoch,
      seq: 10,
      firstSeq: 6,
      recovered: false,
      ttl: 3600,
      remainingTtl: 3600,
      color: 'blue',
      heartbeatMs: 30_000,
      maxMessageBytes: 16_384,
      serverTime: world.clock.now(),
    });
  });

  it('C2: a session is named by the gateway when the client names none', async () => {
    const accepted = gateway.accept({ query: 'redis_persistence=true', protocolHeader: 'holdfast.v1' });
    expect('open' in accepted && accepted.subprotocol).toBe('holdfast.v1');
    const [one, two] = [await gateway.connect('a'), await gateway.connect('b')];
    expect(one.welcome['connectionId']).not.toBe(two.welcome['connectionId']);
  });
});
