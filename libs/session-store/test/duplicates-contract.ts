import type { Position } from '@holdfast/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { filled, freshId, keptIds, message, stored } from './messages.js';
import type { Store, Stores } from './stores.js';

/** A4: which messages every {@link SessionLog} recognises as stored before. */
export function duplicatesContract(stores: () => Stores): void {
  describe.each([
    ['duplicates', {}],
    ['duplicates that are looked for in the index', { searchBytes: 0 }],
  ])('%s', (_how, options) => {
    let log: Store;
    let id: string;
    /** After m5; m3 to m6 are kept once m6 is stored. */
    let at5: Position;

    beforeEach(async () => {
      log = stores().create({ historyMax: 4, ...options });
      id = freshId();
      at5 = await filled(log, id, 'm1', 'm2', 'm3', 'm4', 'm5');
    });

    const duplicateOf = (seq: number) => ({ seq, duplicate: true });
    const newAt = (seq: number) => ({ seq, duplicate: false });
    const answers = async (...messages: ReturnType<typeof message>[]) => (await stored(log, id, { messages })).messages;

    it('A4: finds a retry after the position of its first attempt, and answers its number', async () => {
      await filled(log, id, 'm6', 'm7');
      expect(await answers(message('m6', { retry: at5 }))).toEqual([duplicateOf(6)]);
      expect(await keptIds(log, id)).toEqual(['m4', 'm5', 'm6', 'm7']);
    });

    it('A4: finds a retry anywhere when its position is not known', async () => {
      expect(await answers(message('m2', { retry: 'anywhere' }))).toEqual([duplicateOf(2)]);
      expect(await answers(message('m5', { retry: 'anywhere' }))).toEqual([duplicateOf(5)]);
    });

    it.each([
      ['is no longer kept', { seq: 1, id: 'm1' }],
      ['has another id', { seq: 4, id: 'other' }],
      ['is of another epoch', { epoch: '00000000000-x', seq: 4, id: 'm4' }],
      ['is of an epoch with spaces', { epoch: 'a 4 b', seq: 4, id: 'm4' }],
      ['is ahead of the log', { seq: 17, id: 'm17' }],
      ['is as far ahead as a number can be', { seq: Number.MAX_SAFE_INTEGER, id: 'm3' }],
      ['is the beginning', { seq: 0, id: '' }],
    ])('A4: looks for a retry in all that is kept when its position %s', async (_why, wrong) => {
      expect(await answers(message('m3', { retry: { ...at5, ...wrong } }))).toEqual([duplicateOf(3)]);
    });

    it('A4: looks for each retry of a call from a position that holds, or everywhere', async () => {
      await filled(log, id, 'm6');
      const found = await answers(
        message('m6', { retry: at5 }),
        message('m3', { retry: { ...at5, id: 'other' } }),
        message('m4', { retry: { ...at5, seq: 6, id: 'other' } }),
        message('m9', { retry: at5 }),
      );
      expect(found).toEqual([duplicateOf(6), duplicateOf(3), duplicateOf(4), newAt(7)]);
    });

    it('A4: stores a retry that was not stored before', async () => {
      expect(await answers(message('m6', { retry: at5 }))).toEqual([newAt(6)]);
      expect(await answers(message('m6', { retry: at5 }))).toEqual([duplicateOf(6)]);
    });

    it('A4: a first send is not looked for as long as its gateway has heard of every stored retry', async () => {
      expect((await stored(log, id, { position: at5, messages: [message('m3')] })).messages).toEqual([newAt(6)]);
      const { messages } = await stored(log, id, { messages: [message('m7', { retry: at5 })] });
      expect(messages).toEqual([newAt(7)]);
      const at7 = { ...at5, seq: 7, id: 'm7' };
      expect((await stored(log, id, { position: at7, messages: [message('m7')] })).messages).toEqual([newAt(8)]);
    });

    it('A4: a first send is looked for when its gateway has not heard of a stored retry', async () => {
      await answers(message('m6', { retry: at5 }));
      const late = await stored(log, id, { position: at5, messages: [message('m6'), message('m7')] });
      expect(late.messages).toEqual([duplicateOf(6), newAt(7)]);
    });

    it('A4: a first send of a gateway that has heard nothing is looked for once a retry was stored', async () => {
      expect(await answers(message('m5'))).toEqual([newAt(6)]);
      await answers(message('m7', { retry: at5 }));
      expect(await answers(message('m7'))).toEqual([duplicateOf(7)]);
      const nowhere = { epoch: '', seq: 0, id: '' };
      expect((await stored(log, id, { position: nowhere, messages: [message('m7')] })).messages).toEqual([
        duplicateOf(7),
      ]);
    });

    it('A4: the same message twice in one batch is stored once', async () => {
      expect(await answers(message('m6'), message('m7'), message('m6'))).toEqual([newAt(6), newAt(7), duplicateOf(6)]);
    });

    const conflictWith = (seq: number) => ({ seq, duplicate: true, isConflict: true });

    it('A4: an id with another content is no retry: it is not stored, and the answer says so', async () => {
      const other = { content: 'another', retry: 'anywhere' } as const;
      expect(await answers(message('m5', other), message('m6'), message('m4', { retry: at5 }))).toEqual([
        conflictWith(5),
        newAt(6),
        duplicateOf(4),
      ]);
      expect(await keptIds(log, id)).toEqual(['m3', 'm4', 'm5', 'm6']);
      expect(await answers(message('m6', { retry: at5, content: 'text of m6 ' }))).toEqual([conflictWith(6)]);
      const quotes = { content: 'text","sender":"ana","timestamp":1', retry: at5 } as const;
      expect(await answers(message('q', quotes), message('q', { ...quotes, content: 'text' }))).toEqual([
        newAt(7),
        conflictWith(7),
      ]);
      expect(await answers(message('q', { ...quotes, content: 'text' }), message('q', quotes))).toEqual([
        conflictWith(7),
        duplicateOf(7),
      ]);
    });

    it('A4: the same id with another content in one batch is stored once, and a first send is told as well', async () => {
      expect(await answers(message('m6'), message('m6', { content: 'another' }), message('m6'))).toEqual([
        newAt(6),
        conflictWith(6),
        duplicateOf(6),
      ]);
      await answers(message('m7', { retry: at5 }));
      const late = await stored(log, id, { position: at5, messages: [message('m7', { content: 'another' })] });
      expect(late.messages).toEqual([conflictWith(7)]);
      expect((await log.get(id))?.count).toBe(7);
    });

    it('A4: the same id of two senders is two messages, and nobody’s message is never a duplicate', async () => {
      const retry = 'anywhere' as const;
      expect(await answers(message('m5', { senderKey: 'bob', retry }))).toEqual([newAt(6)]);
      expect(await answers(message('m5', { senderKey: 'bob', retry }))).toEqual([duplicateOf(6)]);
      const nobody = message('n', { senderKey: '', retry });
      expect(await answers(nobody, nobody)).toEqual([newAt(7), newAt(8)]);
      expect(await answers(nobody)).toEqual([newAt(9)]);
    });

    it('A4: a retry of what is no longer kept is stored again', async () => {
      expect(await answers(message('m1', { retry: { ...at5, seq: 0, id: '' } }))).toEqual([newAt(6)]);
    });

    it('A1, A4: publishes what is new without a gap, and nothing when nothing is', async () => {
      const heard = await stores().listen(id);
      const none = await stored(log, id, { messages: [message('m5', { retry: 'anywhere' })] });
      expect(none.subscribers).toBe(0);
      await answers(message('m6'), message('m5', { retry: 'anywhere' }), message('m7'));
      await filled(log, id, 'm8');
      const payloads = await heard.payloads(2);
      await heard.stop();
      expect(
        payloads.map((live) => live.kind === 'stored' && [live.before.seq, live.messages.map(({ seq }) => seq)]),
      ).toEqual([
        [5, [6, 7]],
        [7, [8]],
      ]);
      expect((await log.get(id))?.count).toBe(8);
    });
  });
}
