import { describe, expect, it } from 'vitest';
import { gateOf } from '../../../test/support/gate.js';
import { ann, appendsMeet, bob, gateway, setUpOneGateway, world } from '../../../test/support/one-gateway.js';

setUpOneGateway();

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `m${index + 1}`);
const batches = (): number[] => gateway.log.of('append').map(({ request }) => request?.messages.length ?? 0);

describe('appending', () => {
  it('A2: what arrives in one turn is one append', async () => {
    ann.say('m1');
    bob.say('m2');
    ann.say('m3');
    await world.settle();
    expect(batches()).toEqual([3]);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3']);
  });

  it('A2: one append is in flight; what arrives meanwhile is the next', async () => {
    const gate = gateOf(gateway.log, 'append', 'after');
    ann.say('m1');
    await world.settle();
    ann.say('m2');
    bob.say('m3');
    await world.settle();
    expect(batches()).toEqual([1]);
    gate.open();
    await world.settle();
    expect(batches()).toEqual([1, 2]);
    expect(bob.seqs).toEqual([1, 2, 3]);
  });

  it('A2: an append has a bound, so that none holds Redis up', async () => {
    for (const id of ids(150)) ann.say(id);
    await world.settle();
    expect(Math.max(...batches())).toBeLessThanOrEqual(128);
    expect(await world.ids('s')).toEqual(ids(150));
    expect(ann.contents).toEqual(ids(150));
  });

  it('K6: names the position of its room', async () => {
    ann.say('m1');
    await world.settle();
    ann.say('m2');
    await world.settle();
    const epoch = await world.epochOf('s');
    expect(gateway.log.of('append').map(({ request }) => request?.position)).toEqual([
      { epoch, seq: 0, id: '' },
      { epoch, seq: 1, id: 'm1' },
    ]);
  });

  it('a message of a member that has left meanwhile is stored', async () => {
    ann.say('m1');
    ann.leave();
    await world.settle();
    expect(bob.contents).toEqual(['m1']);
  });
});

describe('an append of unknown outcome', () => {
  it.each(['lost before', 'lost after'] as const)(
    'A5: %s its effect: is repeated, marked retry, and stored once',
    async (fate) => {
      appendsMeet(fate);
      let lost = true;
      gateway.fanOut.hear = () => !lost;
      ann.say('m1');
      ann.say('m2');
      await world.settle();
      lost = false;
      await world.advance(2_000);
      const [first, second] = gateway.log.of('append').map(({ request }) => request?.messages ?? []);
      expect(first?.map(({ retry }) => retry)).toEqual([undefined, undefined]);
      expect(second?.map(({ retry }) => retry)).toEqual([expect.anything(), expect.anything()]);
      expect(await world.ids('s')).toEqual(['m1', 'm2']);
      expect([ann.seqs, bob.seqs]).toEqual([
        [1, 2],
        [1, 2],
      ]);
    },
  );

  it('A4: that was delivered is not repeated', async () => {
    appendsMeet('lost after');
    ann.say('m1');
    await world.advance(2_000);
    expect(batches()).toEqual([1]);
    expect([ann.seqs, bob.seqs]).toEqual([[1], [1]]);
    // Nor is what came of it held against Redis later.
    await world.advance(10_000);
    expect(ann.ofType('status')).toEqual([]);
  });

  it('A5: stays before what arrived later', async () => {
    appendsMeet('lost before', 'lost before', 'lost after');
    ann.say('m1');
    await world.settle();
    ann.say('m2');
    bob.say('m3');
    await world.advance(5_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3']);
    expect(bob.contents).toEqual(['m1', 'm2', 'm3']);
  });

  it('F2: that was stored, but whose publish was lost too, is delivered within 100 ms of the answer to its repetition', async () => {
    appendsMeet('lost after');
    gateway.fanOut.hear = () => false;
    ann.say('m1');
    await world.advance(100);
    expect(gateway.log.of('append')).toHaveLength(2);
    await world.advance(150);
    expect([ann.seqs, bob.seqs]).toEqual([[1], [1]]);
    expect(bob.ofType('ack')).toEqual([]);
  });

  it('A4: a first send that its client has sent again elsewhere while it waited is stored once, tail or none', async () => {
    const forgetful = world.gateway({ TAIL_BYTES: '0' });
    const eve = await forgetful.connect('s', { client: 'secret-of-eve-0001' });
    forgetful.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    eve.say('m1');
    eve.say('m2');
    await world.settle();
    eve.say('m3');
    eve.leave();
    const again = await gateway.connect('s', { client: 'secret-of-eve-0001' });
    for (const id of ['m1', 'm2', 'm3']) again.say(id, id, { retry: true });
    await world.advance(1_000);
    ann.say('later');
    await world.settle();
    forgetful.log.fate = () => 'works';
    await world.advance(3_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2', 'm3', 'later']);
    expect(bob.contents).toEqual(['m1', 'm2', 'm3', 'later']);
  });

  it('D2: is repeated with growing pauses, up to 2 s', async () => {
    gateway.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    ann.say('m1');
    await world.advance(60_000);
    const attempts = gateway.log.of('append').length;
    expect(attempts).toBeGreaterThan(25);
    expect(attempts).toBeLessThan(60);
    gateway.log.fate = () => 'works';
    await world.advance(2_000);
    expect(ann.ofType('message')).toMatchObject([
      { pending: true, id: 'm1' },
      { seq: 1, id: 'm1' },
    ]);
  });

  it('leaves nothing running when the gateway closes meanwhile', async () => {
    gateway.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    ann.say('m1');
    await world.advance(1_000);
    const before = gateway.log.of('append').length;
    await world.close();
    await world.advance(10_000);
    expect(world.clock.pending).toBe(0);
    expect(gateway.log.of('append').length).toBeLessThan(before + 5);
  });
});

describe('large appends of many sessions', () => {
  const CONTENT = 'x'.repeat(300_000);
  const settings = { MESSAGE_MAX_BYTES: '400000', OUTAGE_BUFFER_BYTES: '100000000', MAX_MESSAGES_PER_SECOND: '0' };

  it('A2: are two at a time, and none of the others waits for more', async () => {
    const busy = world.gateway(settings);
    const heavy = await Promise.all(ids(6).map((id) => busy.connect(`heavy-${id}`)));
    const chat = await busy.connect('chat');
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    busy.log.answered = ({ method, sessionId }) => (method === 'append' && sessionId !== 'chat' ? answered : undefined);
    for (const each of heavy) each.say('large', CONTENT);
    chat.say('small');
    await world.settle();
    expect([busy.log.of('append').length, chat.seqs]).toEqual([3, [1]]);
    answer();
    await world.advance(100);
    expect(heavy.map(({ seqs }) => seqs)).toEqual(heavy.map(() => [1]));
  });

  it('A2, D2: that wait for their turn are not tried while Redis is away, and are stored when it is back', async () => {
    const busy = world.gateway(settings);
    const heavy = await Promise.all(ids(6).map((id) => busy.connect(`heavy-${id}`)));
    let fail: () => void = () => undefined;
    const failed = new Promise<'silence'>((resolve) => {
      fail = () => resolve('silence');
    });
    busy.log.fate = ({ method }) => (method === 'append' ? failed : 'works');
    for (const each of heavy) each.say('large', CONTENT);
    await world.settle();
    expect(busy.log.of('append')).toHaveLength(2);
    busy.silence();
    fail();
    await world.advance(30_000);
    expect(busy.log.of('append')).toHaveLength(2);
    busy.answer();
    await world.advance(5_000);
    expect(heavy.map(({ seqs }) => seqs.filter((seq) => seq > 0))).toEqual(heavy.map(() => [1]));
  });
});

describe('what waits to be stored', () => {
  it('D2: is bounded by OUTAGE_BUFFER_BYTES: beyond it a send is not_stored, with a time to try again', async () => {
    const full = world.gateway({ OUTAGE_BUFFER_BYTES: '6000', MAX_MESSAGES_PER_SECOND: '0' });
    const eve = await full.connect('full');
    full.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    for (const id of ids(30)) eve.say(id);
    const refused = eve.ofType('error');
    expect(refused.length).toBeGreaterThan(15);
    expect(refused[0]).toMatchObject({ code: 'not_stored', retryAfterMs: expect.any(Number) });
    full.log.fate = () => 'works';
    await world.advance(5_000);
    expect(eve.seqs).toHaveLength(30 - refused.length);
    for (const id of ids(10)) eve.say(`again-${id}`);
    await world.settle();
    expect(eve.seqs).toHaveLength(40 - refused.length);
  });

  it('every message has one fate: stored, found stored, refused or waiting', async () => {
    const { counters, gauges } = gateway.metrics.gateway;
    const balance = (): number =>
      counters.messagesIn - counters.stored - counters.duplicates - counters.refused - gauges.unstoredMessages;
    appendsMeet('lost after', new Error('ERR'), 'lost before');
    for (const id of ids(20)) ann.say(id);
    await world.settle();
    expect([balance(), gauges.unstoredMessages]).toEqual([0, 20]);
    await world.advance(5_000);
    expect([balance(), gauges.unstoredMessages]).toEqual([0, 0]);
    ann.say('m1', 'm1', { retry: true });
    gateway.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    bob.say('left');
    await world.advance(1_000);
    await world.store.remove('s');
    await world.settle();
    expect([balance(), gauges.unstoredMessages]).toEqual([0, 0]);
    expect([counters.duplicates, counters.refused]).toEqual([1 + 20, 1]);
  });

  it('is given up, and counted, when the gateway closes', async () => {
    gateway.log.fate = ({ method }) => (method === 'append' ? 'lost before' : 'works');
    for (const id of ids(3)) ann.say(id);
    await world.settle();
    await world.close();
    const { counters, gauges } = gateway.metrics.gateway;
    expect([counters.refused, gauges.unstoredMessages]).toEqual([3, 0]);
  });
});
