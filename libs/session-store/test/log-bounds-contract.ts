import { beforeEach, describe, expect, it } from 'vitest';
import type { LogEntry, LogRead } from '../src/index.js';
import { entryBytes } from '../src/log-bounds.js';
import { freshId, message, stored } from './messages.js';
import type { Store, Stores } from './stores.js';

const HISTORY_MAX = 10;
/** Ten entries of a hundred bytes, so that an entry above a hundred is large. */
const MAX_BYTES = 1_000;
const EPOCH = '5f5e100000000-lost';
const WAS = { createdAt: 1_700_000_000.5, ttl: 300, custom: {}, remainingMs: 120_000 };

/** A message whose entry has so many bytes. */
export function sized(id: string, bytes: number) {
  const bare = message(id, { content: '' });
  const rest = entryBytes({ ...bare, body: bare.head }) + 14;
  return message(id, { content: 'x'.repeat(bytes - rest) });
}

/** The same as a gateway has delivered it. */
function had(seq: number, bytes: number, id = `m${seq}`): LogEntry {
  const { senderKey, head } = sized(id, bytes);
  return { seq, id, senderKey, body: `${head}${1_700_000_000_000 + seq}}` };
}

/** K2: how every {@link SessionLog} keeps a log within `SESSION_MAX_BYTES`. */
export function logBoundsContract(stores: () => Stores): void {
  describe('bytes of a log', () => {
    let log: Store;
    let id: string;
    beforeEach(() => {
      log = stores().create({ historyMax: HISTORY_MAX, sessionMaxBytes: MAX_BYTES, defaultTtl: 500 });
      id = freshId('bytes');
    });

    const read = (): Promise<LogRead> => log.read(id, { from: 1, limit: 100 });
    /** Sizes of the kept entries; fails when the numbers have a hole or do not end at the count. */
    const sizes = async (): Promise<number[]> => {
      const { entries, firstSeq, session } = await read();
      expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, at) => firstSeq + at));
      expect(entries.at(-1)?.seq ?? 0).toBe(session?.count ?? 0);
      return entries.map(entryBytes);
    };
    /** What is kept of a history, by the rule. */
    const keptOf = (all: readonly number[]): number[] => {
      const newest = all.slice(-HISTORY_MAX);
      while (newest.length > 1 && newest.reduce((sum, bytes) => sum + bytes, 0) > MAX_BYTES) newest.shift();
      return newest;
    };

    it('K2: keeps the newest messages within SESSION_MAX_BYTES and MESSAGE_HISTORY_MAX, whatever the batches', async () => {
      const all: number[] = [];
      const batches = [
        [100, 100, 100, 100],
        [80],
        [100, 100, 100, 100, 100, 100],
        [101],
        [90, 90],
        [400],
        [300, 300],
        [90],
        [999],
        [90],
        [1_000],
        [90],
        [1_500],
        [90, 90],
        [500, 500, 500],
        [90, 90, 90],
        [200],
        [90, 80],
        [80, 90, 100],
        [100, 100, 100],
        [100],
        [100, 90, 80, 70],
        [700],
        [90],
      ]; // prettier-ignore
      let position = { epoch: '', seq: 0, id: '' };
      for (const batch of batches) {
        const messages = batch.map((bytes, at) => sized(`m${all.length + 1 + at}`, bytes));
        const { epoch } = await stored(log, id, position.seq === 0 ? { messages } : { messages, position });
        all.push(...batch);
        position = { epoch, seq: all.length, id: `m${all.length}` };
        expect(await sizes()).toEqual(keptOf(all));
      }
    });

    it('K2: counts bytes of UTF-8, as they are stored', async () => {
      const messages = Array.from({ length: 9 }, (_, at) => message(`m${at}`, { content: '𝄞'.repeat(50) }));
      await stored(log, id, { messages });
      const kept = (await read()).entries;
      expect(kept.length).toBeLessThan(5);
      expect(kept.reduce((sum, entry) => sum + entryBytes(entry), 0)).toBeLessThanOrEqual(MAX_BYTES);
    });

    it('K2, V7: tells the newest number that was trimmed, as long as the log has a large message', async () => {
      const append = (...list: number[]) =>
        stored(log, id, { messages: list.map((bytes, at) => sized(`${list.length}-${bytes}-${at}`, bytes)) });
      await append(90, 90, 90);
      expect(await read()).not.toHaveProperty('trimmedSeq');
      await append(850);
      expect(await read()).toMatchObject({ firstSeq: 3, trimmedSeq: 2 });
      await append(91);
      expect(await read()).toMatchObject({ firstSeq: 4, trimmedSeq: 3 });
      await append(92, 93, 94, 95, 96, 97, 98, 99, 100);
      expect(await read()).not.toHaveProperty('trimmedSeq');
      expect(await read()).toMatchObject({ firstSeq: 5 });
    });

    it('K2, A4: a retry of a message that is kept is found, and one of a trimmed message is stored again', async () => {
      await stored(log, id, { messages: [sized('a', 90), sized('b', 600), sized('c', 90)] });
      const found = await stored(log, id, { messages: [{ ...sized('b', 600), retry: 'anywhere' }] });
      expect(found.messages).toEqual([{ seq: 2, duplicate: true }]);
      expect(await sizes()).toEqual([90, 600, 90]);
      await stored(log, id, { messages: [sized('d', 300)] });
      expect(await sizes()).toEqual([600, 90, 300]);
      const again = await stored(log, id, { messages: [{ ...sized('a', 90), retry: 'anywhere' }] });
      expect(again.messages).toEqual([{ seq: 5, duplicate: false }]);
      expect(await sizes()).toEqual([90, 300, 90]);
    });

    it('K2, G2: a heal puts back no more than the log may have, in front and behind', async () => {
      const heal = (entries: LogEntry[]) => {
        const position = { epoch: EPOCH, seq: 8, id: 'm8' };
        return log.heal(id, { position, session: WAS, entries });
      };
      const all = [90, 400, 90, 200, 90, 90, 300, 90].map((bytes, at) => had(at + 1, bytes));
      expect(await heal(all.slice(5))).toMatchObject({ outcome: 'healed', count: 8, firstSeq: 6 });
      expect(await heal(all.slice(2, 5))).toMatchObject({ outcome: 'healed', count: 8, firstSeq: 3 });
      expect(await heal(all.slice(0, 2))).toMatchObject({ outcome: 'healed', count: 8, firstSeq: 3 });
      expect(await sizes()).toEqual([90, 200, 90, 90, 300, 90]);
      await stored(log, id, { position: { epoch: EPOCH, seq: 8, id: 'm8' }, messages: [sized('m9', 90)] });
      expect(await sizes()).toEqual([90, 200, 90, 90, 300, 90, 90]);
      await stored(log, id, { position: { epoch: EPOCH, seq: 9, id: 'm9' }, messages: [sized('m10', 90)] });
      expect(await sizes()).toEqual([200, 90, 90, 300, 90, 90, 90]);
      expect(await read()).toMatchObject({ trimmedSeq: 3 });
    });

    it('K2, G2: a heal behind what is kept trims what is kept', async () => {
      await log.heal(id, {
        position: { epoch: EPOCH, seq: 2, id: 'm2' },
        session: WAS,
        entries: [had(1, 90), had(2, 500)],
      });
      const position = { epoch: EPOCH, seq: 4, id: 'm4' };
      const healed = await log.heal(id, { position, session: WAS, entries: [had(3, 300), had(4, 400)] });
      expect(healed).toEqual({ outcome: 'healed', count: 4, firstSeq: 3 });
      expect(await sizes()).toEqual([300, 400]);
    });

    it('K2, G4: a fork joins no more than the log may have, and moves nothing behind that was trimmed', async () => {
      const { epoch } = await stored(log, id, { messages: [sized('m1', 500), sized('m2', 400), sized('m3', 300)] });
      expect(await sizes()).toEqual([400, 300]);
      const position = { seenEpoch: epoch, samePast: true, session: WAS, seq: 4 };
      const entries = [had(1, 500), had(2, 400, 'other'), had(3, 300, 'another'), had(4, 301, 'third')];
      expect(await log.fork(id, { ...position, entries })).toMatchObject({ outcome: 'forked' });
      // m2 and m3 follow on what the caller has.
      expect((await read()).entries.map((entry) => entry.id)).toEqual(['m2', 'm3']);
      expect(await sizes()).toEqual([400, 300]);
      const { epoch: next = '' } = (await read()).session ?? {};
      const older = { seenEpoch: next, samePast: true, session: WAS, seq: 1, entries: [had(1, 500, 'old')] };
      expect(await log.fork(id, older)).toMatchObject({ outcome: 'forked' });
      expect((await read()).entries.map((entry) => entry.id)).toEqual(['m2', 'm3']);
      await stored(log, id, { messages: [sized('m7', 301)] });
      expect(await sizes()).toEqual([300, 301]);
    });

    it('F6: every read is bounded by bytes, also of the newest', async () => {
      const roomy = stores().create({ historyMax: 100 });
      const session = freshId('bytes');
      await stored(roomy, session, { messages: Array.from({ length: 20 }, (_, at) => sized(`m${at}`, 200_000)) });
      expect((await roomy.read(session, { from: 1, limit: 100 })).entries).toHaveLength(5);
      const newest = await roomy.read(session, { newest: 100 });
      expect(newest.entries.map(({ seq }) => seq)).toEqual([16, 17, 18, 19, 20]);
      expect((await roomy.read(session, { from: 3, limit: 100, maxBytes: 1, least: 2 })).entries).toHaveLength(2);
      expect((await roomy.read(session, { newest: 9, maxBytes: 1 })).entries.map(({ seq }) => seq)).toEqual([20]);
    });
  });
}
