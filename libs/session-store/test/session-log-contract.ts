import { describe, expect, it } from 'vitest';
import type { LogEntry } from '../src/index.js';
import { filled, freshId, keptIds, message, openedAt, stored } from './messages.js';
import type { Store, Stores } from './stores.js';

/** What every {@link SessionLog} does, apart from duplicates and refusals. */
export function sessionLogContract(stores: () => Stores, countsClear = true): void {
  describe('open', () => {
    it('C5: creates a session with count 0, and loads it the next time', async () => {
      const log = stores().create({ defaultTtl: 100 });
      const id = freshId();
      const before = Date.now() / 1000;
      const first = await openedAt(log, id);
      expect(first).toMatchObject({ created: true, session: { sessionId: id, count: 0, ttl: 100, custom: {} } });
      expect(first.session.createdAt).toBeGreaterThanOrEqual(before - 0.01);
      expect(first.session.createdAt).toBeLessThanOrEqual(Date.now() / 1000 + 0.01);
      expect(first.session.remainingMs).toBeGreaterThan(99_000);
      expect(first.session.remainingMs).toBeLessThanOrEqual(100_000);
      await filled(log, id, 'm1', 'm2');
      const again = { created: false, session: { count: 2, epoch: first.session.epoch } };
      expect(await log.open(id)).toMatchObject(again);
    });

    it('F8: an epoch cannot be guessed by those who may only publish', async () => {
      const epochs = await Promise.all(
        [1, 2].map(async () => (await openedAt(stores().create(), freshId())).session.epoch),
      );
      const [one = '', two = ''] = epochs.map((epoch) => /^[0-9a-f]{13,14}-([0-9a-f]{16})$/.exec(epoch)?.[1]);
      expect(one).toHaveLength(16);
      expect(two).toHaveLength(16);
      expect(one).not.toBe(two);
    });

    it('G5: says deleted to the deleted epoch, and begins a later epoch for everybody else', async () => {
      const log = stores().create();
      const id = freshId();
      const { epoch } = await filled(log, id, 'm1');
      expect(await log.remove(id)).toBe(true);
      expect(await log.open(id, { resumeEpoch: epoch })).toBe('deleted');
      const next = await openedAt(log, id, { resumeEpoch: 'some-other-epoch' });
      expect(next).toMatchObject({ created: true, session: { count: 0 } });
      expect(next.session.epoch > epoch).toBe(true);
      expect(await log.open(id, { resumeEpoch: epoch })).toMatchObject({
        created: false,
        session: { epoch: next.session.epoch },
      });
    });

    it.each([
      ['a connection', async (log: Store, id: string) => openedAt(log, id)],
      ['a message', async (log: Store, id: string) => filled(log, id, 'm1')],
      ['a creation', async (log: Store, id: string) => log.create(id, {})],
      ['a write of the whole session', async (log: Store, id: string) => log.put(id, {})],
    ])(
      'G5: an epoch that %s begins is later than the one that ended, though the clock was put back',
      async (_by, begin) => {
        const id = freshId();
        const log = stores().create();
        const ended = 'f000000000000-x';
        await log.bury(id, ended, 60_000);
        await begin(log, id);
        const { epoch = '' } = (await log.get(id)) ?? {};
        expect(epoch > ended).toBe(true);
        expect(await log.bury(id, ended, 60_000), 'the new session is not taken for the old one').toBe(false);
      },
    );

    it('G5: epochs sort by the time they began, even when they follow on each other at once', async () => {
      const log = stores().create();
      const id = freshId();
      const epochs: string[] = [];
      for (let life = 0; life < 40; life++) {
        epochs.push((await filled(log, id, 'm1')).epoch);
        await log.remove(id);
      }
      expect(epochs).toEqual([...epochs].sort());
      expect(new Set(epochs).size).toBe(epochs.length);
    });
  });

  describe('append', () => {
    it('A1: counts, keeps and publishes in one order, from whomever the messages come', async () => {
      const log = stores().create();
      const id = freshId();
      await log.open(id);
      const heard = await stores().listen(id);
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          stored(log, id, { messages: [message(`a${n}`), message(`b${n}`, { senderKey: 'bob' })] }),
        ),
      );
      const payloads = await heard.payloads(20);
      await heard.stop();
      const numbers = results.flatMap((result) => result.messages.map(({ seq }) => seq));
      expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
      const published = payloads.flatMap((payload) => (payload.kind === 'stored' ? payload.messages : []));
      const read = await log.read(id, { from: 1, limit: 100 });
      expect(read.session?.count).toBe(40);
      expect(published.map(({ seq, id: name }) => [seq, name])).toEqual(
        read.entries.map(({ seq, id: name }) => [seq, name]),
      );
      expect(read.entries.map(({ seq }) => seq)).toEqual(numbers);
    });

    it('A3: publishes the frame of V2, ready to forward, and keeps it byte for byte', async () => {
      const log = stores().create();
      const id = freshId();
      const heard = await stores().listen(id);
      const content = 'Grüße, 世界 🌍\n"quoted" \u2028 \\ {"x":1}';
      const before = Date.now();
      await log.append(id, { messages: [message('m~1', { content, senderKey: 'k.1' })] });
      const [payload] = await heard.payloads(1);
      await heard.stop();
      if (payload?.kind !== 'stored') throw new Error('not a stored message');
      const [live] = payload.messages;
      const frame = live?.frame.toString() ?? '';
      const { timestamp, ...rest } = JSON.parse(frame);
      expect(rest).toEqual({ type: 'message', seq: 1, id: 'm~1', content, sender: 'k.1' });
      expect(timestamp).toBeGreaterThanOrEqual(before - 5);
      expect(timestamp).toBeLessThanOrEqual(Date.now() + 5);
      expect(live).toMatchObject({ seq: 1, id: 'm~1', senderKey: 'k.1' });
      const [entry] = (await log.read(id, { newest: 1 })).entries;
      expect(`{"type":"message","seq":1,"id":"m~1",${entry?.body}`).toBe(frame);
    });

    it('K6: every publish names its epoch, and number and id before its first message', async () => {
      const log = stores().create();
      const id = freshId();
      const heard = await stores().listen(id);
      const { epoch } = await filled(log, id, 'm1', 'm2');
      await filled(log, id, 'm3');
      const payloads = await heard.payloads(2);
      await heard.stop();
      expect(payloads.map((payload) => payload.kind === 'stored' && payload.before)).toEqual([
        { epoch, seq: 0, id: '' },
        { epoch, seq: 2, id: 'm2' },
      ]);
    });

    it('A7: answers how many subscribers heard it, and whether it created the session', async () => {
      const log = stores().create({ defaultTtl: 77 });
      const id = freshId();
      const first = await stored(log, id, { messages: [message('m1')] });
      expect(first).toMatchObject({ created: true, subscribers: 0, ttl: 77, messages: [{ seq: 1, duplicate: false }] });
      const heard = await stores().listen(id);
      const second = await stored(log, id, { messages: [message('m2')] });
      await heard.stop();
      expect(second).toMatchObject({ created: false, subscribers: 1, epoch: first.epoch });
    });

    it('K2: keeps exactly MESSAGE_HISTORY_MAX messages, whatever the batches', async () => {
      const log = stores().create({ historyMax: 5 });
      const id = freshId();
      for (const size of [1, 3, 7, 2, 5, 1]) {
        await log.append(id, { messages: Array.from({ length: size }, (_, n) => message(`x${n}`)) });
        const read = await log.read(id, { newest: 100 });
        const count = read.session?.count ?? 0;
        expect(read.entries.length).toBe(Math.min(count, 5));
        expect(read.entries.at(-1)?.seq).toBe(count);
        expect(read.firstSeq).toBe(Math.max(1, count - 4));
      }
    });

    it('T1: notes the time, and leaves the custom data alone', async () => {
      const log = stores().create();
      const id = freshId();
      await log.create(id, { custom: { topic: 'cats', list: [] } });
      const before = Date.now() / 1000;
      await filled(log, id, 'm1');
      const session = await log.get(id);
      expect(session).toMatchObject({ count: 1, custom: { topic: 'cats', list: [] } });
      expect(session?.lastActivity).toBeGreaterThanOrEqual(before - 0.01);
    });
  });

  describe('read', () => {
    it('answers a run upwards from a number, or the newest, oldest first', async () => {
      const log = stores().create({ historyMax: 4 });
      const id = freshId();
      await filled(log, id, 'm1', 'm2', 'm3', 'm4', 'm5', 'm6');
      const ids = async (range: Parameters<typeof log.read>[1]) =>
        (await log.read(id, range)).entries.map((entry) => entry.id);
      expect(await ids({ from: 5, limit: 10 })).toEqual(['m5', 'm6']);
      expect(await ids({ from: 1, limit: 2 })).toEqual(['m3', 'm4']);
      expect(await ids({ from: 7, limit: 10 })).toEqual([]);
      expect(await ids({ from: Number.MAX_SAFE_INTEGER, limit: 10 })).toEqual([]);
      expect(await ids({ newest: 2 })).toEqual(['m5', 'm6']);
      expect(await ids({ newest: 100 })).toEqual(['m3', 'm4', 'm5', 'm6']);
      expect(await ids({ newest: 0 })).toEqual([]);
      expect(await ids({ from: 1, limit: 0 })).toEqual([]);
      expect((await log.read(id, { newest: 0 })).firstSeq).toBe(3);
    });

    if (countsClear) {
      it('H4: answers at most so many bytes, but one entry at least, and says whether more follow', async () => {
        const log = stores().create({ historyMax: 200 });
        const id = freshId();
        const content = '\u0001'.repeat(500);
        const messages = Array.from({ length: 90 }, (_, i) =>
          message(`m${i}`, { content: i < 40 ? content : 'small' }),
        );
        await stored(log, id, { messages });
        const bytes = ({ senderKey, id: name, body }: LogEntry) => Buffer.byteLength(`${senderKey}${name}",${body}`);
        for (const maxBytes of [1, 3_200, 20_000, 50_000, 1_000_000]) {
          const seqs: number[] = [];
          for (let from = 1; ; from = seqs.length + 1) {
            const { entries, more } = await log.read(id, { from, limit: 200, maxBytes });
            seqs.push(...entries.map(({ seq }) => seq));
            const total = entries.reduce((sum, entry) => sum + bytes(entry), 0);
            if (entries.length > 1) expect(total).toBeLessThanOrEqual(maxBytes);
            if (!more) break;
            const [next] = (await log.read(id, { from: seqs.length + 1, limit: 1 })).entries;
            expect(total + (next ? bytes(next) : 0)).toBeGreaterThan(maxBytes);
          }
          expect(seqs).toEqual(messages.map((_, i) => i + 1));
        }
        const two = await log.read(id, { from: 1, limit: 2, maxBytes: 1_000_000 });
        expect([two.entries.length, two.more]).toEqual([2, true]);
        expect((await log.read(id, { from: 89, limit: 2, maxBytes: 1_000_000 })).more).toBeUndefined();
        expect(await log.read(id, { from: 91, limit: 2, maxBytes: 1 })).toMatchObject({ entries: [] });
        expect((await log.read(id, { from: 1, limit: 89 })).more).toBe(true);
      });
    }

    it('answers an empty log without a session, and tells whoever knows the deleted epoch', async () => {
      const log = stores().create();
      const id = freshId();
      expect(await log.read(id, { newest: 5 })).toEqual({ firstSeq: 0, entries: [] });
      const { epoch } = await filled(log, id, 'm1');
      await log.remove(id);
      expect(await log.read(id, { from: 1, limit: 5 })).toEqual({ firstSeq: 0, entries: [] });
      const known = await log.read(id, { from: 1, limit: 5 }, epoch);
      expect(known).toEqual({ firstSeq: 0, entries: [], ended: 'deleted' });
      expect(await log.read(id, { newest: 1 }, 'another')).toEqual({ firstSeq: 0, entries: [] });
    });
  });

  describe('leave', () => {
    it('K1: notes disconnected_at when nobody is subscribed, and opening removes it', async () => {
      const log = stores().create();
      const id = freshId();
      await log.create(id, { custom: { a: 1 } });
      const heard = await stores().listen(id);
      await log.leave(id);
      expect(await log.get(id)).not.toHaveProperty('disconnectedAt');
      await heard.stop();
      const before = Date.now() / 1000;
      await log.leave(id);
      const away = await log.get(id);
      expect(away?.disconnectedAt).toBeGreaterThanOrEqual(before - 0.01);
      expect(away?.custom).toEqual({ a: 1 });
      await filled(log, id, 'm1');
      expect(await log.get(id)).toHaveProperty('disconnectedAt', away?.disconnectedAt);
      await log.open(id);
      const back = await log.get(id);
      expect(back).not.toHaveProperty('disconnectedAt');
      expect(back?.custom).toEqual({ a: 1 });
    });

    it('leaves a session that does not exist alone', async () => {
      const log = stores().create();
      const id = freshId();
      await log.leave(id);
      expect(await log.get(id)).toBeUndefined();
    });
  });

  describe('expiry', () => {
    it('T1: open, append and leave refresh it with the session’s own ttl; read, get and merge do not', async () => {
      const log = stores().create({ defaultTtl: 3600 });
      const id = freshId();
      await log.create(id, { ttl: 50 });
      const steps: Record<string, () => Promise<unknown>> = {
        open: () => log.open(id),
        append: () => filled(log, id, 'm1'),
        leave: () => log.leave(id),
        read: () => log.read(id, { newest: 10 }),
        get: () => log.get(id),
        merge: () => log.merge(id, { a: 1 }),
      };
      const refreshing: string[] = [];
      for (const [name, step] of Object.entries(steps)) {
        await log.extend(id);
        await stores().age(id, 20_000);
        await step();
        const remainingMs = (await log.get(id))?.remainingMs ?? 0;
        expect(remainingMs).toBeLessThanOrEqual(50_000);
        if (remainingMs > 40_000) refreshing.push(name);
      }
      expect(refreshing).toEqual(['open', 'append', 'leave']);
    });

    it('K5: session and log are gone together, and the next life starts at 1', async () => {
      const log = stores().create({ defaultTtl: 30 });
      const id = freshId();
      const { epoch } = await filled(log, id, 'm1', 'm2');
      await stores().age(id, 31_000);
      expect(await log.get(id)).toBeUndefined();
      expect(await log.read(id, { from: 1, limit: 10 })).toEqual({ firstSeq: 0, entries: [] });
      const next = await filled(log, id, 'm3');
      expect(next.seq).toBe(1);
      expect(next.epoch > epoch).toBe(true);
      expect(await keptIds(log, id)).toEqual(['m3']);
    });
  });
}
