import { describe, expect, it } from 'vitest';
import type { FakeClient } from '../../../test/support/fake-client.js';
import { events, OLD, plain, setUpHistory } from '../../../test/support/history.js';
import { ann, bob, here, there, world } from '../../../test/support/two-gateways.js';
import { type GatewayInWorld, World } from '../../../test/support/world.js';

setUpHistory();

/** What a member has of the session now: by number, as its frames put it. */
function view(member: FakeClient): string[] {
  const bySeq = new Map<number, string>();
  for (const frame of member.received) {
    if (frame['event'] === 'reset')
      for (const seq of [...bySeq.keys()]) if (seq >= Number(frame['from'])) bySeq.delete(seq);
    if (frame['type'] === 'message' && frame['seq'] !== undefined) bySeq.set(Number(frame['seq']), String(frame['id']));
  }
  return [...bySeq].sort(([a], [b]) => a - b).map(([, id]) => id);
}

/** Every member has what the store has, and its numbers have no hole. */
async function expectOneHistory(...members: FakeClient[]): Promise<void> {
  const ids = await world.ids('s');
  for (const member of members) expect(view(member)).toEqual(ids);
  const { entries, session } = await world.store.read('s', { newest: 1_000 });
  const first = entries[0]?.seq ?? 1;
  expect(entries.map(({ seq }) => seq)).toEqual(ids.map((_id, at) => first + at));
  expect(session?.count).toBe(entries.at(-1)?.seq);
}

const both = (act: (gateway: GatewayInWorld) => void): void => [here, there].forEach(act);

/** What happens is heard by nobody: a network that is gone for that time. */
async function deaf(act: () => Promise<unknown>): Promise<void> {
  both((gateway) => {
    gateway.fanOut.hear = () => false;
  });
  await act();
  await world.settle();
  both((gateway) => {
    gateway.fanOut.hear = () => true;
  });
}

describe('a Redis that comes back with less', () => {
  it('G1, G2: empty: the session is healed with its epoch, history, data, ttl and remaining time', async () => {
    await world.store.merge('s', { topic: 'cats' });
    const late = await here.connect('s');
    await world.advance(300_000);
    const before = await world.store.get('s');
    await world.silence();
    world.store.lose();
    await world.answer();
    const after = await world.store.get('s');
    expect(late.ofType('session')).toEqual([]);
    expect({ ...after, lastActivity: 0 }).toMatchObject({
      ...before,
      lastActivity: 0,
      remainingMs: expect.any(Number),
    });
    expect(after?.custom).toEqual({ topic: 'cats' });
    expect(await world.ids('s')).toEqual(OLD);
    expect([events(ann), events(bob), ann.seqs]).toEqual([[], [], [1, 2, 3]]);
    ann.say('m4');
    await world.settle();
    expect([bob.seqs, plain.contents]).toEqual([
      [1, 2, 3, 4],
      [...OLD, 'm4'],
    ]);
    await expectOneHistory(ann, bob);
  });

  it('G2, G5: with the time that was left, not a full one', async () => {
    const idle = await here.connect('idle');
    await world.advance(600_000);
    const room = await world.store.get('idle');
    await deaf(async () => world.store.lose());
    here.fanOut.interrupt();
    await world.settle();
    expect((await world.store.get('idle'))?.remainingMs).toBe(room?.remainingMs);
    expect(events(idle)).toEqual([]);
  });

  it('G1: FLUSHALL while chatting: the next message heals it, nobody notices', async () => {
    world.store.lose();
    ann.say('m4');
    bob.say('m5');
    await world.advance(2_000);
    expect([...(await world.ids('s'))].sort()).toEqual([...OLD, 'm4', 'm5']);
    await expectOneHistory(ann, bob);
    expect(plain.contents).toEqual(await world.ids('s'));
    expect(await world.epochOf('s')).toBe(ann.welcome['epoch']);
    expect(events(ann)).toEqual([]);
  });

  it('G2: an older copy gets what it lacks, from whichever gateway has it', async () => {
    const copy = world.store.copy();
    await deaf(async () => {
      ann.say('m4');
      await world.settle();
      await world.advance(500);
    });
    bob.say('m5');
    await world.settle();
    world.store.rewind(copy);
    both((gateway) => gateway.fanOut.interrupt());
    await world.advance(2_000);
    expect(await world.ids('s')).toEqual([...OLD, 'm4', 'm5']);
    await expectOneHistory(ann, bob);
    expect(events(ann)).toEqual([]);
  });

  it('G2: several gateways with different tails heal one session at once', async () => {
    const short = world.gateway({ TAIL_BYTES: '900' });
    const eve = await short.connect('s');
    for (const id of ['m4', 'm5', 'm6']) bob.say(id);
    await world.settle();
    await world.silence();
    world.store.lose();
    // The one that remembers least is the first.
    short.answer();
    await world.advance(400);
    both((gateway) => gateway.answer());
    await world.advance(2_000);
    expect(await world.ids('s')).toEqual([...OLD, 'm4', 'm5', 'm6']);
    await expectOneHistory(ann, bob);
    expect([events(ann), events(bob), events(eve)]).toEqual([[], [], []]);
  });

  it('G2, G4: a hole that nobody fills within 1 s is settled under a new epoch, with all that is left', async () => {
    const copy = world.store.copy();
    for (const id of ['m4', 'm5', 'm6']) ann.say(id);
    await world.settle();
    const forgetful = world.gateway({ TAIL_BYTES: '900' });
    const eve = await forgetful.connect('s');
    for (const id of ['m7', 'm8', 'm9']) eve.say(id);
    await world.settle();
    const epoch = await world.epochOf('s');
    for (const member of [ann, bob, plain]) member.leave();
    await world.advance(62_000);
    world.store.rewind(copy);
    forgetful.fanOut.interrupt();
    await world.advance(900);
    expect(await world.epochOf('s')).toBe(epoch);
    await world.advance(1_500);
    expect(await world.epochOf('s')).not.toBe(epoch);
    const ids = await world.ids('s');
    expect(ids.slice(0, 3)).toEqual(OLD);
    expect(ids.at(-1)).toBe('m9');
    expect((await world.store.get('s'))?.count).toBe(9);
    expect(events(eve)).toEqual(['reset']);
  });

  it('G4, V7: what a fork over a hole moves is told below a short tail too; a plain member gets nothing twice', async () => {
    const copy = world.store.copy();
    const forgetful = world.gateway({ TAIL_BYTES: '900' });
    const eve = await forgetful.connect('s', { resume: { lastSeq: 0 } });
    const quiet = await forgetful.connect('s', { plain: true, resume: { lastSeq: 0 } });
    for (let n = 4; n <= 9; n++) {
      eve.say(`m${n}`);
      await world.settle();
    }
    for (const member of [ann, bob, plain]) member.leave();
    await world.advance(62_000);
    world.store.rewind(copy);
    forgetful.fanOut.interrupt();
    await world.advance(2_500);
    const { entries } = await world.store.read('s', { newest: 100 });
    const kept = new Map(entries.map(({ id, seq }) => [id, seq]));
    expect(kept.get('m1')).toBeGreaterThan(1);
    const numbers = new Map(eve.ofType('message').map((frame) => [frame['id'], frame['seq']]));
    for (const [id, seq] of kept) expect([id, numbers.get(id)]).toEqual([id, seq]);
    expect(quiet.contents).toEqual([...OLD, 'm4', 'm5', 'm6', 'm7', 'm8', 'm9']);
  });

  it('F2, G4: a message under a number that this gateway has passed and forgotten is looked for, and follows', async () => {
    const copy = world.store.copy();
    const forgetful = world.gateway({ TAIL_BYTES: '900' });
    const eve = await forgetful.connect('s');
    for (const id of ['m4', 'm5', 'm6']) eve.say(id);
    await world.settle();
    for (const id of ['m7', 'm8', 'm9']) eve.say(id);
    await world.settle();
    for (const member of [ann, bob, plain]) member.leave();
    await world.advance(62_000);
    // Another gateway knows the older copy only, and goes on from there.
    world.store.rewind(copy);
    await world.append('s', 'late');
    await world.advance(3_000);
    expect(eve.contents.filter((content) => content === 'late')).toHaveLength(1);
    const ids = await world.ids('s');
    expect([ids.slice(0, 3), ids.slice(-4)]).toEqual([OLD, ['m7', 'm8', 'm9', 'late']]);
  });

  it('G4: a log that was lost with a message that nobody heard is settled the same way, with what was delivered', async () => {
    const epoch = await world.epochOf('s');
    await deaf(() => world.append('s', 'unheard'));
    world.store.loseLog('s');
    both((gateway) => gateway.fanOut.interrupt());
    await world.advance(900);
    expect(await world.epochOf('s')).toBe(epoch);
    await world.advance(1_500);
    expect(await world.epochOf('s')).not.toBe(epoch);
    expect(await world.ids('s')).toEqual(OLD);
    await expectOneHistory(ann, bob);
    expect(plain.contents).toEqual(OLD);
  });

  it('G4: empty, and begun anew by a gateway that knew nothing: one history, numbers go on', async () => {
    await world.silence();
    world.store.lose();
    const fresh = world.gateway();
    const eve = await fresh.connect('s');
    eve.say('new');
    await world.settle();
    expect(eve.seqs).toEqual([1]);
    await world.answer();
    await world.advance(2_000);
    expect(await world.ids('s')).toEqual([...OLD, 'new']);
    await expectOneHistory(ann, bob, eve);
    expect(eve.ofType('session').at(-1)).toMatchObject({ event: 'reset', epoch: await world.epochOf('s'), from: 1 });
    expect(plain.contents).toEqual([...OLD, 'new']);
    expect((await world.store.get('s'))?.createdAt).toBe(1_700_000_000);
    eve.say('more');
    await world.settle();
    expect([ann.seqs.at(-1), plain.contents.at(-1)]).toEqual([5, 'more']);
  });

  it('G4: a partition that both sides wrote in: both writings stay, on all members, in one order', async () => {
    const copy = world.store.copy();
    await deaf(async () => {
      ann.say('a4');
      ann.say('a5');
      await world.advance(500);
    });
    const withAnn = world.store.copy();
    world.store.rewind(copy);
    there.fanOut.hear = () => true;
    await world.append('s', 'b4');
    await world.settle();
    world.store.rewind(withAnn);
    both((gateway) => gateway.fanOut.interrupt());
    await world.advance(3_000);
    const ids = await world.ids('s');
    expect([...ids].sort()).toEqual(['a4', 'a5', 'b4', ...OLD]);
    await expectOneHistory(ann, bob);
    expect([...plain.contents].sort()).toEqual([...ids].sort());
  });

  it('G1, G4: what was stored anew under its old number tells that others may stand before it', async () => {
    const copy = world.store.copy();
    for (const id of ['m4', 'm5']) {
      ann.say(id);
      await world.settle();
    }
    await deaf(async () => {
      world.store.rewind(copy);
      await world.advance(10);
      await world.append('s', 'x4', 'm5');
    });
    both((gateway) => gateway.fanOut.interrupt());
    await world.advance(2_000);
    expect([...(await world.ids('s'))].sort()).toEqual([...OLD, 'm4', 'm5', 'm5', 'x4']);
    await expectOneHistory(ann, bob);
  });

  it('G4: a message that a new epoch has under its old number by chance does not hide what stands before it', async () => {
    await world.append('s', 'm4', 'm5');
    await world.settle();
    await deaf(async () => {
      world.store.lose();
      await world.advance(10);
      await world.append('s', 'x1', 'x2', 'x3', 'x4', 'm5');
    });
    both((gateway) => gateway.fanOut.interrupt());
    await world.advance(2_000);
    await expectOneHistory(ann, bob);
    expect([...plain.contents].sort()).toEqual([...OLD, 'm4', 'm5', 'x1', 'x2', 'x3', 'x4']);
  });

  it('G4: reset comes before the first message of a new epoch, and only framed members are told', async () => {
    await world.silence();
    world.store.lose();
    const fresh = world.gateway();
    (await fresh.connect('s')).say('new');
    await world.settle();
    ann.say('m4');
    await world.answer();
    await world.advance(2_000);
    const order = ann.received.map((frame) => frame['event'] ?? frame['id']);
    expect(order.indexOf('reset')).toBeGreaterThan(-1);
    expect(order.indexOf('reset')).toBeLessThan(order.indexOf('new'));
    expect(plain.ofType('session')).toEqual([]);
    expect([...plain.contents].sort()).toEqual(['m1', 'm2', 'm3', 'm4', 'new']);
  });

  it('G4: what was trimmed from a full log is not taken for lost and stored again', async () => {
    const small = new World({ historyMax: 4 });
    const env = { MESSAGE_HISTORY_MAX: '4' };
    const [one, two] = [small.gateway(env), small.gateway(env)];
    const [a, b] = [await one.connect('s'), await two.connect('s', { plain: true })];
    for (let n = 1; n <= 6; n++) a.say(`m${n}`);
    await small.settle();
    const copy = small.store.copy();
    for (const each of [one, two]) each.fanOut.hear = () => false;
    a.say('a7');
    await small.advance(500);
    small.store.rewind(copy);
    for (const each of [one, two]) each.fanOut.hear = () => true;
    await small.append('s', 'b7');
    for (const each of [one, two]) each.fanOut.interrupt();
    await small.advance(3_000);
    expect(await small.ids('s')).toEqual(['m5', 'm6', 'a7', 'b7'].sort((x, y) => order(x) - order(y)));
    expect([...b.contents].sort()).toEqual(['a7', 'b7', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6']);
    await small.close();
    function order(id: string): number {
      return b.contents.indexOf(id);
    }
  });

  it('F5, G2: a session that its members have left is healed from the tail that lingers', async () => {
    for (const member of [ann, bob, plain]) member.leave();
    await world.settle();
    await world.silence();
    world.store.lose();
    await world.advance(120_000);
    await world.answer();
    expect(await world.ids('s')).toEqual(OLD);
  });
});
