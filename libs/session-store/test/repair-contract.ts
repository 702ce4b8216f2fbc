import { SeededRandom } from '@holdfast/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ForkRequest, HealRequest, LogEntry } from '../src/index.js';
import { delivered, filled, freshId, keptIds, message, openedAt } from './messages.js';
import type { Store, Stores } from './stores.js';

const EPOCH = '5f5e100000000-lost';
const WAS = { createdAt: 1_700_000_000.5, ttl: 300, custom: { topic: 'cats', list: [] }, remainingMs: 120_000 };

/** The numbers from one to another as a gateway has delivered them. */
function run(from: number, to: number, mark = ''): LogEntry[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => delivered(from + at, `m${from + at}${mark}`));
}

/** G2, G4, G5: how every {@link SessionLog} takes back what was lost. */
export function repairContract(stores: () => Stores): void {
  let log: Store;
  let id: string;
  beforeEach(() => {
    log = stores().create({ historyMax: 10, defaultTtl: 500 });
    id = freshId('repair');
  });

  const heal = (entries: LogEntry[], more: Partial<HealRequest> = {}) => {
    const last = entries.at(-1);
    const position = { epoch: EPOCH, seq: last?.seq ?? 0, id: last?.id ?? '' };
    return log.heal(id, { position, session: WAS, entries, ...more });
  };
  const seqs = async () => (await log.read(id, { newest: 100 })).entries.map(({ seq }) => seq);
  const upTo = (from: number, to: number) => run(from, to).map(({ seq }) => seq);

  describe('heal', () => {
    it('G2: stores a session that is gone with its epoch, times, data and a count that fits', async () => {
      expect(await heal(run(3, 5))).toEqual({ outcome: 'healed', count: 5, firstSeq: 3 });
      const { session, entries } = await log.read(id, { newest: 10 });
      const { createdAt, ttl, custom } = WAS;
      expect(session).toMatchObject({ epoch: EPOCH, count: 5, createdAt, ttl, custom });
      expect(entries).toEqual(run(3, 5));
      expect((await filled(log, id, 'm6')).seq).toBe(6);
    });

    it('G2: with the time it had left, not with a full one; K5: log and session alike', async () => {
      await heal(run(1, 3));
      expect((await log.get(id))?.remainingMs).toBeLessThanOrEqual(120_000);
      expect((await log.get(id))?.remainingMs).toBeGreaterThan(110_000);
      await stores().age(id, 121_000);
      expect(await log.read(id, { newest: 10 })).toEqual({ firstSeq: 0, entries: [] });
    });

    it('G2: a session of which nothing was kept gets its count alone', async () => {
      const position = { epoch: EPOCH, seq: 7, id: 'm7' };
      expect(await heal([], { position })).toEqual({ outcome: 'healed', count: 7, firstSeq: 0 });
      expect((await filled(log, id, 'm8')).seq).toBe(8);
    });

    it('G2: takes exactly the next entries, and leaves the expiry of a session that is there as it is', async () => {
      await heal(run(1, 3));
      await stores().age(id, 20_000);
      expect(await heal(run(2, 6))).toEqual({ outcome: 'healed', count: 6, firstSeq: 1 });
      expect(await seqs()).toEqual(upTo(1, 6));
      expect((await log.get(id))?.remainingMs).toBeLessThanOrEqual(100_000);
    });

    it('G2: takes nothing across a hole', async () => {
      await heal(run(1, 3));
      expect(await heal(run(5, 6))).toEqual({ outcome: 'healed', count: 3, firstSeq: 1 });
      expect(await seqs()).toEqual(upTo(1, 3));
    });

    it('G2: rewrites the log with what reaches up to its first entry, and with nothing that does not', async () => {
      await heal(run(6, 8));
      expect(await heal(run(1, 4))).toEqual({ outcome: 'healed', count: 8, firstSeq: 6 });
      expect(await heal(run(3, 5))).toEqual({ outcome: 'healed', count: 8, firstSeq: 3 });
      expect(await heal(run(1, 9))).toEqual({ outcome: 'healed', count: 9, firstSeq: 1 });
      expect((await log.read(id, { newest: 20 })).entries).toEqual(run(1, 9));
    });

    it('G2, K2: keeps at most MESSAGE_HISTORY_MAX', async () => {
      expect(await heal(run(1, 14))).toEqual({ outcome: 'healed', count: 14, firstSeq: 5 });
      expect(await heal(run(1, 16))).toEqual({ outcome: 'healed', count: 16, firstSeq: 7 });
      expect(await seqs()).toEqual(upTo(7, 16));
    });

    it('G2: refuses what contradicts the log, another epoch, and changes nothing', async () => {
      await heal(run(1, 4));
      const before = await log.read(id, { newest: 10 });
      expect(await heal([...run(1, 3), ...run(4, 6, 'x')])).toEqual({ outcome: 'forked' });
      const position = { epoch: 'another', seq: 6, id: 'm6' };
      expect(await heal(run(1, 6), { position })).toEqual({ outcome: 'epoch' });
      const { session, ...after } = await log.read(id, { newest: 10 });
      const { session: was, ...rest } = before;
      expect(after).toEqual(rest);
      expect({ ...session, remainingMs: 0 }).toEqual({ ...was, remainingMs: 0 });
    });

    it('A4, G2: refuses to put back what its sender has repeated into the log since, under another number', async () => {
      await heal(run(4, 6));
      await log.append(id, { messages: [message('m2', { retry: 'anywhere' })] });
      expect(await heal(run(1, 5))).toEqual({ outcome: 'forked' });
      expect(await heal(run(3, 5))).toEqual({ outcome: 'healed', count: 7, firstSeq: 3 });
      expect(await keptIds(log, id)).toEqual(['m3', 'm4', 'm5', 'm6', 'm2']);
    });

    it('G5: what was deleted stays deleted', async () => {
      await heal(run(1, 3));
      await log.remove(id);
      expect(await heal(run(1, 3))).toEqual({ outcome: 'deleted' });
      expect(await log.get(id)).toBeUndefined();
    });

    it('G2: publishes what it puts back, so that others hear', async () => {
      await heal(run(1, 3));
      const heard = await stores().listen(id);
      await heal(run(2, 5));
      await heal(run(1, 5));
      await filled(log, id, 'm6');
      const payloads = await heard.payloads(2);
      await heard.stop();
      expect(payloads).toMatchObject([
        { kind: 'stored', before: { epoch: EPOCH, seq: 3, id: 'm3' }, messages: [{ seq: 4 }, { seq: 5, id: 'm5' }] },
        { kind: 'stored', before: { seq: 5, id: 'm5' }, messages: [{ seq: 6 }] },
      ]);
    });

    it('A4, G2: a first send is looked for in what was put back', async () => {
      await heal(run(1, 3));
      const position = { epoch: EPOCH, seq: 1, id: 'm1' };
      const again = await log.append(id, { position, messages: [message('m2'), message('m4')] });
      expect(again).toMatchObject({
        messages: [
          { seq: 2, duplicate: true },
          { seq: 4, duplicate: false },
        ],
      });
    });

    it('G1, G2: nothing is put back behind a message that was stored anew under its old number, with another time', async () => {
      const { epoch } = await filled(log, id, 'm1');
      const position = { epoch, seq: 4, id: 'm4' };
      expect(await heal(run(1, 4), { position })).toEqual({ outcome: 'forked' });
      expect((await log.read(id, { newest: 9 })).entries.map(({ seq }) => seq)).toEqual([1]);
    });

    it('A4, G2: so it is in what was put back into an older copy of the session', async () => {
      const { epoch } = await filled(log, id, 'm1');
      const position = { epoch, seq: 1, id: 'm1' };
      expect(await heal(run(2, 4), { position: { epoch, seq: 4, id: 'm4' } })).toMatchObject({ count: 4 });
      const late = await log.append(id, { position, messages: [message('m4')] });
      expect(late).toMatchObject({ messages: [{ seq: 4, duplicate: true }] });
    });

    it('G2: gateways with different tails heal one session in any order, to the same log', async () => {
      const random = new SeededRandom(4);
      for (let round = 0; round < 40; round++) {
        const session = freshId('any-order');
        const newest = random.int(3, 25);
        // All have delivered nearly everything; how far back they remember differs.
        const tails = [newest, newest - 2, newest - random.int(0, 2)].map((to) => run(random.int(1, newest - 2), to));
        const order = [...tails, ...tails].sort(() => random.next() - 0.5);
        for (const tail of [...order, ...tails]) {
          const { seq = 0, id: last = '' } = tail.at(-1) ?? {};
          await log.heal(session, { position: { epoch: EPOCH, seq, id: last }, session: WAS, entries: tail });
        }
        const oldest = Math.max(newest - 9, Math.min(...tails.map((tail) => tail[0]?.seq ?? newest)));
        const { entries, session: healed } = await log.read(session, { newest: 100 });
        expect(healed?.count).toBe(newest);
        expect(entries).toEqual(run(oldest, newest));
      }
    });
  });

  describe('fork', () => {
    const fork = (entries: LogEntry[], more: Partial<ForkRequest> = {}) =>
      log.fork(id, { seenEpoch: EPOCH, samePast: true, session: WAS, seq: entries.at(-1)?.seq ?? 0, entries, ...more });
    const ids = () => keptIds(log, id);

    it('G4: numbers go on: what was delivered keeps its number, what else there is follows', async () => {
      await heal([...run(1, 3), ...run(4, 5, 'x')]);
      const forked = await fork(run(2, 6));
      expect(forked).toMatchObject({ outcome: 'forked' });
      expect(await ids()).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm4x', 'm5x']);
      expect(await seqs()).toEqual(upTo(1, 8));
      expect((await log.get(id))?.count).toBe(8);
    });

    it('G4: where the log is ahead it keeps its numbers, and what it lacks follows', async () => {
      await heal([...run(1, 3), ...run(4, 7, 'x')]);
      await fork(run(2, 5));
      expect(await ids()).toEqual(['m1', 'm2', 'm3', 'm4x', 'm5x', 'm6x', 'm7x', 'm4', 'm5']);
      expect(await seqs()).toEqual(upTo(1, 9));
    });

    it('G4: where the log is ahead, what is older than its first stays before that, or was trimmed', async () => {
      await heal(run(4, 7));
      await fork([...run(1, 5), ...run(6, 6, 'x')]);
      expect(await ids()).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm6x']);
      expect(await seqs()).toEqual(upTo(1, 8));
      await log.remove(id);
      await heal(run(8, 17), { position: { epoch: 'f0000000000000-z', seq: 17, id: 'm17' } });
      await fork([...run(5, 8), ...run(9, 9, 'x')], { seenEpoch: 'f0000000000000-z' });
      expect(await ids()).toEqual(['m9', 'm10', 'm11', 'm12', 'm13', 'm14', 'm15', 'm16', 'm17', 'm9x']);
    });

    it('G4: of a hole nobody filled, nothing is lost that is left', async () => {
      await heal(run(1, 3));
      await fork(run(6, 8));
      expect(await ids()).toEqual(['m1', 'm2', 'm3', 'm6', 'm7', 'm8']);
      expect(await seqs()).toEqual(upTo(3, 8));
    });

    it('G4: what was stored later, under a number that the caller has forgotten, follows', async () => {
      const late = { ...delivered(4, 'late'), body: delivered(99, 'late').body };
      await heal([...run(1, 3), late]);
      await fork(run(6, 8));
      expect(await ids()).toEqual(['m1', 'm2', 'm3', 'm6', 'm7', 'm8', 'late']);
      expect(await seqs()).toEqual(upTo(3, 9));
    });

    it('G4: what the caller has had later than the log, under a number that the log has trimmed, follows', async () => {
      await heal(run(4, 9));
      const late = { ...delivered(2, 'late'), body: delivered(99, 'late').body };
      await fork([late, ...run(3, 8)]);
      expect(await ids()).toEqual(['m3', 'm4', 'm5', 'm6', 'm7', 'm8', 'm9', 'late']);
    });

    it('G4: numbers go on after what was delivered, also where nothing of that is left', async () => {
      await heal(run(1, 3));
      await fork([], { seq: 7 });
      expect(await ids()).toEqual(['m1', 'm2', 'm3']);
      expect(await seqs()).toEqual(upTo(5, 7));
      expect((await log.get(id))?.count).toBe(7);
      await fork([], { seq: 9, samePast: false, seenEpoch: (await log.get(id))?.epoch ?? '' });
      expect(await seqs()).toEqual(upTo(10, 12));
    });

    it('G4: a session made by somebody who did not know of it takes its past, data and ttl back', async () => {
      const { epoch } = await filled(log, id, 'new1', 'new2');
      await fork(run(8, 9), { seenEpoch: epoch, samePast: false });
      expect(await ids()).toEqual(['m8', 'm9', 'new1', 'new2']);
      const { createdAt, ttl, custom } = WAS;
      expect(await log.get(id)).toMatchObject({ count: 11, createdAt, ttl, custom });
      await log.merge(id, { topic: 'dogs' });
      await fork(run(8, 9), { seenEpoch: (await log.get(id))?.epoch ?? '', samePast: false });
      expect((await log.get(id))?.custom).toEqual({ topic: 'dogs', list: [] });
    });

    it('G4: what another gateway with a longer tail has joined already stays older, though its epoch is not known', async () => {
      await heal(run(1, 6));
      await fork(run(4, 8), { samePast: false });
      expect(await ids()).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8']);
      expect(await seqs()).toEqual(upTo(1, 8));
    });

    it('G4: changes the epoch only if it is still the one that was seen; of two that see one, one wins', async () => {
      await heal(run(1, 3));
      expect(await fork([], { seenEpoch: 'another' })).toEqual({ outcome: 'epoch' });
      const both = await Promise.all([fork(run(1, 3, 'a')), fork(run(1, 3, 'b'))]);
      expect(both.map(({ outcome }) => outcome).sort()).toEqual(['epoch', 'forked']);
      await log.remove(id);
      expect(await fork(run(1, 3))).toEqual({ outcome: 'gone' });
      expect(await log.get(id)).toBeUndefined();
    });

    it('G4: publishes the new epoch, which sorts after the old one; G5: the expiry is kept', async () => {
      await heal(run(1, 3));
      const heard = await stores().listen(id);
      const forked = await fork(run(1, 4));
      const [event] = await heard.payloads(1);
      await heard.stop();
      const { epoch, remainingMs = 0 } = (await log.get(id)) ?? {};
      expect(forked).toEqual({ outcome: 'forked', epoch });
      expect(event).toEqual({ kind: 'session', event: { event: 'epoch', epoch } });
      expect(String(epoch) > EPOCH).toBe(true);
      expect(remainingMs).toBeLessThanOrEqual(120_000);
    });

    it('A4, G4: a repetition of what was renumbered is found', async () => {
      await heal([...run(1, 2), ...run(3, 3, 'x')]);
      await fork(run(1, 4));
      const { epoch = '' } = (await log.get(id)) ?? {};
      const position = { epoch, seq: 2, id: 'm2' };
      const again = await log.append(id, { position, messages: [message('m3x')] });
      expect(again).toMatchObject({ outcome: 'stored', messages: [{ seq: 5, duplicate: true }] });
    });

    it('K2: keeps at most MESSAGE_HISTORY_MAX', async () => {
      await heal(run(1, 8));
      await fork(run(4, 15, 'y'));
      expect((await seqs()).length).toBe(10);
      expect((await log.get(id))?.count).toBe((await seqs()).at(-1));
    });
  });

  describe('bury', () => {
    it('G5: deletes again what came back, and puts the tombstone back', async () => {
      await heal(run(1, 3));
      expect(await log.bury(id, EPOCH, 5_000)).toBe(true);
      expect(await log.get(id)).toBeUndefined();
      expect(await log.open(id, { resumeEpoch: EPOCH })).toBe('deleted');
      expect(await heal(run(1, 3))).toEqual({ outcome: 'deleted' });
      await stores().age(id, 6_000);
      expect(await heal(run(1, 3))).toMatchObject({ outcome: 'healed' });
    });

    it('G5: puts a tombstone where there is no session, and leaves one of another epoch alone', async () => {
      expect(await log.bury(id, EPOCH, 5_000)).toBe(false);
      expect(await log.open(id, { resumeEpoch: EPOCH })).toBe('deleted');
      const { session } = await openedAt(log, id);
      expect(await log.bury(id, EPOCH, 5_000)).toBe(false);
      expect((await log.get(id))?.epoch).toBe(session.epoch);
    });

    it('G5: an epoch that came before a deleted one is deleted with it, wherever it is still known', async () => {
      await filled(log, id, 'm1');
      await log.remove(id);
      expect(await heal(run(1, 3))).toEqual({ outcome: 'deleted' });
      expect(await log.read(id, { newest: 1 }, EPOCH)).toMatchObject({ ended: 'deleted' });
      const position = { epoch: EPOCH, seq: 3, id: 'm3' };
      expect(await log.append(id, { position, messages: [message('m4')] })).toEqual({
        outcome: 'gone',
        ended: 'deleted',
      });
      expect(await log.open(id, { resumeEpoch: EPOCH })).toMatchObject({ created: true });
    });

    it('G5: does not put the tombstone of an earlier epoch in the place of a later one', async () => {
      const { epoch } = await filled(log, id, 'm1');
      await log.remove(id);
      expect(await log.bury(id, EPOCH, 5_000)).toBe(false);
      expect(await log.open(id, { resumeEpoch: epoch })).toBe('deleted');
    });
  });

  describe('open and read of what may be lost', () => {
    it('G2: a session that its gateway knows is not made anew when it is gone', async () => {
      expect(await log.open(id, { known: true })).toBe('gone');
      expect(await log.get(id)).toBeUndefined();
      await filled(log, id, 'm1');
      expect(await log.open(id, { known: true })).toMatchObject({ created: false, session: { count: 1 } });
    });

    it('G5: says how the epoch ended that the caller knows, also when another has begun', async () => {
      const { epoch } = await filled(log, id, 'm1');
      expect(await log.read(id, { newest: 1 }, epoch)).not.toHaveProperty('ended');
      await log.remove(id);
      await filled(log, id, 'm2');
      expect(await log.read(id, { newest: 1 }, epoch)).toMatchObject({ ended: 'deleted', session: { count: 1 } });
      expect(await log.read(id, { newest: 1 }, 'another')).not.toHaveProperty('ended');
    });
  });
}
