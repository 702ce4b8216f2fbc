import { StorageUnavailableError } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { ann, bob, gateway, other, plain, setUpOutage, world } from '../../test/support/outage.js';
import { pending, statuses, stored } from '../../test/support/outage-frames.js';
import { World } from '../../test/support/world.js';

setUpOutage();

describe('what waits', () => {
  it('D2: is bounded by OUTAGE_BUFFER_BYTES: beyond it a send is not_stored, with a time to try again', async () => {
    const small = world.gateway({ OUTAGE_BUFFER_BYTES: '3000', MAX_MESSAGES_PER_SECOND: '0' });
    const eve = await small.connect('small');
    await world.silence();
    for (let i = 0; i < 30; i++) eve.say(`e${i}`);
    const refused = eve.ofType('error').map((frame) => frame['id']);
    expect(eve.ofType('error')[0]).toMatchObject({ code: 'not_stored', retryAfterMs: expect.any(Number) });
    expect(pending(eve).length + refused.length).toBe(30);
    expect(small.metrics.gateway.gauges.unstoredBytes).toBeLessThanOrEqual(3_000);
    await world.answer();
    expect(stored(eve).map((each) => (each as unknown[])[1])).toEqual(pending(eve));
  });

  it('D2: of one session leaves room for those of others, while Redis is away and while it is slow', async () => {
    const small = world.gateway({ OUTAGE_BUFFER_BYTES: '100000', MAX_MESSAGES_PER_SECOND: '0' });
    const [eve, zoe] = [await small.connect('heavy'), await small.connect('chat')];
    const refused = (client: typeof eve): number => client.ofType('error').length;
    small.log.fate = ({ method }) => (method === 'append' ? 'silence' : 'works');
    for (let i = 0; i < 30; i++) eve.say(`e${i}`, 'x'.repeat(4_000));
    for (let i = 0; i < 20; i++) zoe.say(`z${i}`);
    await world.settle();
    expect([refused(eve), refused(zoe)]).toEqual([19, 0]);
    await world.silence();
    for (let i = 20; i < 50; i++) zoe.say(`z${i}`);
    expect([pending(zoe).length, refused(zoe)]).toEqual([50, 0]);
    await world.answer();
    expect([stored(eve).length, stored(zoe).length]).toEqual([11, 50]);
  });

  it('D2: is counted too where it is published without being stored, until Redis has answered', async () => {
    const small = world.gateway({ OUTAGE_BUFFER_BYTES: '100000', MAX_MESSAGES_PER_SECOND: '0' });
    const eve = await small.connect('heavy', { persistent: false });
    const zoe = await small.connect('chat', { persistent: false });
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    small.fanOut.beforePublish = () => answered;
    for (let i = 0; i < 30; i++) eve.say(`e${i}`, 'x'.repeat(4_000));
    for (let i = 0; i < 20; i++) zoe.say(`z${i}`);
    expect([eve.ofType('error').length, zoe.ofType('error').length]).toEqual([19, 0]);
    expect(eve.ofType('error')[0]).toMatchObject({ code: 'not_stored', retryAfterMs: expect.any(Number) });
    answer();
    await world.settle();
    expect([eve.contents.length, zoe.contents.length]).toEqual([11, 20]);
    await world.advance(2_500);
    expect(small.metrics.gateway.gauges.unstoredBytes).toBe(0);
    // No number is left out for those that were refused.
    const late = await small.connect('heavy', { persistent: false, plain: true });
    eve.say('next');
    await world.settle();
    expect(late.received.at(-1)).toMatchObject({ content: 'Message #12: next' });
  });

  it('D2: Redis is asked with the canary alone while it is away, not by every room', async () => {
    for (let i = 0; i < 50; i++) await gateway.connect(`room-${i}`);
    await world.silence();
    ann.say('m2');
    await world.advance(5_000);
    const before = gateway.log.calls.length;
    ann.say('m3');
    await world.advance(60_000);
    expect(gateway.log.calls.length).toBe(before);
  });

  it('D3: is stored in its order, marked retry, with what others said meanwhile in between', async () => {
    gateway.silence();
    await world.advance(1_000);
    for (const id of ['m2', 'm3']) ann.say(id);
    plain.send('m4');
    bob.say('x1');
    await world.advance(1_000);
    gateway.answer();
    await world.advance(1_000);
    const retries = gateway.log
      .of('append')
      .at(-1)
      ?.request?.messages.map(({ retry }) => retry !== undefined);
    expect(retries).toEqual([true, true, true]);
    expect(bob.contents).toEqual(['m1', 'x1', 'm2', 'm3', 'm4']);
    expect(
      ann
        .ofType('message')
        .filter((frame) => 'seq' in frame)
        .map((frame) => frame['content']),
    ).toEqual(bob.contents);
  });

  it('D3: is stored only when the room knows where the session stands', async () => {
    gateway.silence();
    await world.advance(1_000);
    ann.say('m2');
    const calls = gateway.log.calls.length;
    gateway.answer();
    await world.advance(1_000);
    const methods = gateway.log.calls.slice(calls).map(({ method }) => method);
    expect(methods).toContain('append');
    expect(methods.indexOf('read')).toBeLessThan(methods.indexOf('append'));
    expect(methods.indexOf('read')).not.toBe(-1);
  });

  it('F4, D3: a plain member that joined meanwhile gets all that was stored since, also where the tail is short', async () => {
    await world.advance(60_000);
    const small = world.gateway({ TAIL_BYTES: '900' });
    small.silence();
    await world.advance(1_000);
    const late = await small.connect('s', { plain: true });
    const said = Array.from({ length: 12 }, (_, n) => `x${n}`);
    for (const id of said) bob.say(id);
    await world.settle();
    small.answer();
    await world.advance(2_000);
    expect(late.contents).toEqual(said);
  });

  it('D3: a plain member that saw it pending does not get it twice, and gets what it has not seen', async () => {
    gateway.silence();
    await world.advance(1_000);
    ann.say('m2');
    plain.send('m3');
    bob.say('x1');
    const late = await gateway.connect('s', { plain: true });
    ann.say('m4');
    gateway.answer();
    await world.advance(1_000);
    expect(plain.contents).toEqual(['m1', 'm2', 'm3', 'm4', 'x1']);
    expect(late.contents).toEqual(['m4', 'x1', 'm2', 'm3']);
    expect(bob.contents).toEqual(['m1', 'x1', 'm2', 'm3', 'm4']);
  });

  it('D3: members are told that it is over although there is always more to store', async () => {
    await world.silence();
    ann.say('m2');
    for (const each of [gateway, other]) each.answer();
    gateway.log.answered = ({ method }) => {
      if (method === 'append') ann.say(`more-${gateway.log.calls.length}`);
      return new Promise((resolve) => world.clock.setTimeout(resolve, 5));
    };
    await world.advance(1_500);
    gateway.log.answered = () => undefined;
    expect(statuses(ann)).toEqual(['memory', 'redis']);
  });

  it('D3: a plain member is shown it once, also when its sender sends it again meanwhile', async () => {
    await world.silence();
    ann.say('m2');
    await world.settle();
    ann.leave();
    const again = await gateway.connect('s', { client: 'secret-of-ann-0001' });
    again.say('m2', 'm2', { retry: true });
    await world.settle();
    expect(plain.contents).toEqual(['m1', 'm2']);
    await world.answer();
    expect([plain.contents, await world.ids('s')]).toEqual([
      ['m1', 'm2'],
      ['m1', 'm2'],
    ]);
  });

  it('D2: what a client sends again each time it comes back waits once, is shown to it, and keeps its place', async () => {
    await world.silence();
    const ids = Array.from({ length: 20 }, (_, n) => `a${n}`);
    for (const id of ids) ann.say(id);
    await world.settle();
    const { unstoredMessages } = gateway.metrics.gateway.gauges;
    let last = ann;
    for (let round = 0; round < 5; round++) {
      last.leave();
      last = await gateway.connect('s', { client: 'secret-of-ann-0001' });
      for (const id of ids) last.say(id, id, { retry: true });
      await world.advance(1_000);
      expect(pending(last)).toEqual(ids);
    }
    last.say('new');
    await world.settle();
    const { gauges } = gateway.metrics.gateway;
    expect(gauges.unstoredMessages).toBe(unstoredMessages + 1);
    await world.answer();
    expect(await world.ids('s')).toEqual(['m1', ...ids, 'new']);
    expect(stored(last)).toEqual([...ids, 'new'].map((id, index) => [index + 2, id]));
    expect(gauges.unstoredMessages).toBe(0);
  });

  it('D1: what was heard before its answer was lost is not shown as pending', async () => {
    gateway.log.fate = ({ method }) => (method === 'append' ? 'lost after' : 'works');
    ann.say('m2');
    await world.settle();
    gateway.silence();
    await world.advance(2_000);
    expect([plain.contents, pending(ann)]).toEqual([['m1', 'm2'], []]);
  });

  it('D3, V7: a send is answered although its own frame was trimmed before it came', async () => {
    const small = new World({ historyMax: 4 });
    const one = small.gateway({ MESSAGE_HISTORY_MAX: '4', MAX_MESSAGES_PER_SECOND: '0' });
    const eve = await one.connect('s');
    await small.silence();
    for (let n = 1; n <= 9; n++) eve.say(`e${n}`);
    one.answer();
    // What is published while an append runs is lost.
    one.log.fate = ({ method }) => {
      one.fanOut.hear = () => method !== 'append';
      return 'works';
    };
    await small.advance(2_000);
    const answered = [...eve.ofType('ack'), ...eve.ofType('message')].filter((frame) => 'seq' in frame);
    expect(answered.map((frame) => frame['id']).sort()).toEqual(Array.from({ length: 9 }, (_, n) => `e${n + 1}`));
    expect(eve.ofType('session')).toMatchObject([{ event: 'gap', from: 1, to: 5 }]);
    await small.close();
  });

  it('D5: is sent again by a client that moves to another gateway, and stored once', async () => {
    gateway.silence();
    await world.advance(1_000);
    ann.say('m2');
    await world.settle();
    ann.leave();
    const epoch = String(ann.welcome['epoch']);
    const resume = { lastSeq: 1, lastId: 'm1', epoch };
    const moved = await other.connect('s', { client: 'secret-of-ann-0001', resume });
    moved.say('m2', 'm2', { retry: true, after: { epoch, seq: 1, id: 'm1' } });
    await world.settle();
    gateway.answer();
    await world.advance(2_000);
    expect(await world.ids('s')).toEqual(['m1', 'm2']);
    expect(bob.contents).toEqual(['m1', 'm2']);
  });

  it('D3: goes on waiting when Redis goes away again before all of it is stored', async () => {
    await world.silence();
    for (let i = 0; i < 200; i++) ann.say(`n${i}`);
    let appends = 0;
    for (const each of [gateway, other]) each.answer();
    gateway.log.fate = ({ method }) => {
      if (method === 'append') appends += 1;
      return appends > 1 ? 'silence' : 'works';
    };
    await world.advance(300);
    gateway.silence();
    await world.advance(5_000);
    ann.say('last');
    await world.settle();
    expect(pending(ann).at(-1)).toBe('last');
    await world.answer();
    await world.advance(2_000);
    expect(bob.contents.slice(1)).toEqual([...Array.from({ length: 200 }, (_, i) => `n${i}`), 'last']);
    expect(statuses(ann).at(-1)).toBe('redis');
  });

  it('D1: a session that Redis does not take, because it is full, goes on in memory', async () => {
    const full = new StorageUnavailableError("OOM command not allowed when used memory > 'maxmemory'.");
    gateway.log.fate = ({ method }) => (method === 'append' || method === 'open' ? full : 'works');
    ann.say('m2');
    await world.advance(2_000);
    const late = gateway.dial('another');
    await world.advance(2_000);
    late.say('a');
    await world.advance(1_000);
    expect([pending(ann), plain.contents, pending(late)]).toEqual([['m2'], ['m1', 'm2'], ['a']]);
    gateway.log.fate = () => 'works';
    await world.advance(3_000);
    expect([stored(bob).at(-1), stored(late)]).toEqual([[2, 'm2'], [[1, 'a']]]);
    expect(plain.contents).toEqual(['m1', 'm2']);
  });
});
