import type { Position } from '@holdfast/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { filled, freshId, keptIds, message } from './messages.js';
import type { Store, Stores } from './stores.js';

/** G3: which positions every {@link SessionLog} refuses to append from. */
export function refusalsContract(stores: () => Stores): void {
  describe('refusals', () => {
    let log: Store;
    let id: string;
    let newest: Position;

    beforeEach(async () => {
      log = stores().create({ historyMax: 3, defaultTtl: 60 });
      id = freshId();
      newest = await filled(log, id, 'm1', 'm2', 'm3', 'm4', 'm5');
    });

    const append = (position?: Position) =>
      log.append(id, { messages: [message('new')], ...(position ? { position } : {}) });

    it('G3: takes the newest position, an older one that is kept, one that is trimmed, and the beginning', async () => {
      expect(await append(newest)).toMatchObject({ outcome: 'stored' });
      for (const [seq, name] of [
        [4, 'm4'],
        [1, 'm1'],
        [0, ''],
      ] as const) {
        expect(await append({ ...newest, seq, id: name })).toMatchObject({ outcome: 'stored' });
      }
    });

    it('G3: refuses another epoch', async () => {
      expect(await append({ ...newest, epoch: '00000000000-x' })).toEqual({ outcome: 'epoch' });
    });

    it('G3: refuses a position that the log is behind', async () => {
      expect(await append({ ...newest, seq: 6, id: 'm6' })).toEqual({ outcome: 'behind' });
      expect(await append({ ...newest, seq: Number.MAX_SAFE_INTEGER })).toEqual({ outcome: 'behind' });
    });

    it('G3: refuses another id at a number that is kept, newest or not', async () => {
      expect(await append({ ...newest, id: 'other' })).toEqual({ outcome: 'forked' });
      expect(await append({ ...newest, seq: 4, id: 'other' })).toEqual({ outcome: 'forked' });
    });

    it('G3: refuses a position when there is no session any more', async () => {
      await stores().age(id, 61_000);
      expect(await append(newest)).toEqual({ outcome: 'gone' });
      expect(await log.get(id)).toBeUndefined();
    });

    it('G3, G5: says that the epoch was deleted as long as the session would have lived', async () => {
      await log.extend(id, 40);
      await log.remove(id);
      expect(await append(newest)).toEqual({ outcome: 'gone', ended: 'deleted' });
      expect(await append({ ...newest, epoch: 'older' })).toEqual({ outcome: 'gone' });
      await stores().age(id, 30_000);
      expect(await append(newest)).toEqual({ outcome: 'gone', ended: 'deleted' });
      await stores().age(id, 11_000);
      expect(await append(newest)).toEqual({ outcome: 'gone' });
      expect(await log.open(id, { resumeEpoch: newest.epoch })).toMatchObject({ created: true });
    });

    it('G3: never refuses a sender without a position', async () => {
      expect(await append()).toMatchObject({ outcome: 'stored', created: false });
      expect(await append({ epoch: '', seq: 0, id: '' })).toMatchObject({ outcome: 'stored', created: false });
      await log.remove(id);
      expect(await append()).toMatchObject({ outcome: 'stored', created: true, messages: [{ seq: 1 }] });
      await log.remove(id);
      expect(await append({ epoch: '', seq: 0, id: '' })).toMatchObject({ outcome: 'stored', created: true });
    });

    it('G3: a refused append stores, publishes and refreshes nothing', async () => {
      const heard = await stores().listen(id);
      await stores().age(id, 10_000);
      const before = await log.get(id);
      await append({ ...newest, epoch: 'x' });
      await append({ ...newest, seq: 9 });
      await append({ ...newest, id: 'other' });
      const { remainingMs, ...after } = (await log.get(id)) ?? { remainingMs: 0 };
      expect({ ...after, remainingMs: before?.remainingMs }).toEqual(before);
      expect(remainingMs).toBeLessThanOrEqual(50_000);
      expect(await keptIds(log, id)).toEqual(['m3', 'm4', 'm5']);
      await filled(log, id, 'last');
      const payloads = await heard.payloads(1);
      await heard.stop();
      expect(payloads).toHaveLength(1);
    });
  });
}
