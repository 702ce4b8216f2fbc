import type { LogEntry, LogRead, StoredSession } from '@holdfast/session-store';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { HISTORY_PAGE_BYTES, HistoryPages, type PagedHistory, type PageRequest } from './history-pages.js';

type ReadArguments = { sessionId: string; from: number; maxBytes: number };

const entry = (seq: number, bytes = 10): LogEntry => ({
  seq,
  id: `m${seq}`,
  senderKey: 'k',
  body: `"content":"${'x'.repeat(bytes)}"}`,
});

const entries = (from: number, to: number, bytes?: number): LogEntry[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => entry(from + index, bytes));

class History implements PagedHistory {
  version = {};
  position;

  constructor(
    readonly sessionId: string,
    readonly seq: number,
    epoch = 'e1',
  ) {
    this.position = { epoch, seq, id: `m${seq}` };
  }
}

/** Pages of a log that answers as the test says. */
function pagesOf(answer: (read: ReadArguments) => Promise<LogRead> | LogRead, shardOf = (_id: string) => '') {
  const clock = new ManualClock();
  const reads: ReadArguments[] = [];
  const counters = { historyReads: 0 } as never;
  const pages = new HistoryPages({
    clock,
    metrics: { counters },
    shardOf,
    log: {
      read: async (sessionId, range) => {
        const read = { sessionId, from: 'from' in range ? range.from : 0, maxBytes: HISTORY_PAGE_BYTES };
        reads.push(read);
        return answer(read);
      },
    },
  });
  const shard = { away: false, back: async () => undefined, failed: () => undefined };
  const page = async (history: PagedHistory, from: number, request: Partial<PageRequest> = {}) => {
    const given = await pages.page({ history, from, shard, isOver: () => false, ...request });
    return given?.messages.map(({ seq }) => seq);
  };
  return { clock, reads, pages, page };
}

const session = (epoch = 'e1'): StoredSession => ({ epoch }) as StoredSession;
const logOf = (all: readonly LogEntry[], { from }: ReadArguments, limit = 5): LogRead => ({
  session: session(),
  firstSeq: 1,
  entries: all.filter(({ seq }) => seq >= from).slice(0, limit),
});

const range = (from: number, to: number): number[] => entries(from, to).map(({ seq }) => seq);

describe('pages of histories', () => {
  it('F9: a number that is on a page in memory is not read again, and its reader goes on from the end of the page', async () => {
    const all = entries(1, 20);
    const { page, reads } = pagesOf((read) => logOf(all, read));
    const history = new History('s', 20);
    expect(await page(history, 1)).toEqual(range(1, 5));
    expect(await page(history, 3)).toEqual(range(3, 5));
    expect(await page(history, 6)).toEqual(range(6, 10));
    expect(await page(history, 5)).toEqual([5]);
    expect(reads.map(({ from }) => from)).toEqual([1, 6]);
  });

  it('F9: what the log lacks is said only by a read that began after its reader had asked', async () => {
    let all = entries(6, 9);
    const held: (() => void)[] = [];
    const { page, reads } = pagesOf((read) => {
      const answer = logOf(all, read);
      return new Promise((resolve) => held.push(() => resolve(answer)));
    });
    const history = new History('s', 9);
    const early = page(history, 1);
    const later = page(history, 1);
    // The log is healed while the first read is under way.
    all = entries(1, 9);
    held.shift()?.();
    expect(await early).toEqual(range(6, 9));
    await Promise.resolve();
    held.shift()?.();
    expect(await later).toEqual(range(1, 5));
    expect(reads).toHaveLength(2);
    // What stands behind a hole is on the page of its reader, and on nobody else's.
    expect(await page(history, 8)).toEqual([8, 9]);
  });

  it('F9, V7: no page is given after a change of the history, also when it comes while the page is read', async () => {
    const held: ((read: LogRead) => void)[] = [];
    const { page, reads } = pagesOf(() => new Promise((resolve) => held.push(resolve)));
    const history = new History('s', 20);
    const before = page(history, 1);
    history.version = {};
    held.shift()?.({ session: session(), firstSeq: 1, entries: entries(1, 5) });
    expect(await before).toEqual(range(1, 5));
    const after = page(history, 1);
    held.shift()?.({ session: session(), firstSeq: 1, entries: entries(1, 9) });
    expect(await after).toEqual(range(1, 9));
    expect(await page(history, 2)).toEqual(range(2, 9));
    history.version = {};
    void page(history, 2);
    expect(reads.map(({ from }) => from)).toEqual([1, 1, 2]);
  });

  it('F9: a page of another epoch than the room has is given to nobody else', async () => {
    const { page, reads } = pagesOf(() => ({ session: session('e2'), firstSeq: 1, entries: entries(1, 5) }));
    const history = new History('s', 20);
    await page(history, 1);
    await page(history, 1);
    expect(reads).toHaveLength(2);
  });

  it('F9: pages in memory have a bound, the one that was read last stays, and all go when nobody reads them', async () => {
    const { clock, page, pages, reads } = pagesOf(({ from }) => ({
      session: session(),
      firstSeq: 1,
      entries: entries(from, from + 3, 60_000),
    }));
    for (let reader = 0; reader < 100; reader++) {
      await page(new History(`s${reader}`, 20), 1);
      expect(pages.bytes).toBeLessThanOrEqual(8 * 1_048_576);
    }
    const history = new History('s', 20);
    await page(history, 1);
    await page(history, 2);
    expect(reads).toHaveLength(101);
    await clock.advance(6_000);
    pages.dropUnread();
    expect(pages.bytes).toBe(0);
    await page(history, 2);
    expect(reads).toHaveLength(102);
  });

  it('F9: a session waits for no shard but its own', async () => {
    const { page } = pagesOf(
      (read) => (read.sessionId === 'stuck' ? new Promise<never>(() => undefined) : logOf(entries(1, 5), read)),
      (sessionId) => (sessionId === 'stuck' ? 'a' : 'b'),
    );
    void page(new History('stuck', 5), 1);
    expect(await page(new History('s', 5), 1)).toEqual(range(1, 5));
  });

  it('F9, D1: nothing is read while the shard is away', async () => {
    const { page, reads } = pagesOf((read) => logOf(entries(1, 5), read));
    let back = (): void => undefined;
    const shard = { away: true, back: () => new Promise<void>((resolve) => (back = resolve)), failed: () => undefined };
    const given = page(new History('s', 5), 1, { shard });
    await Promise.resolve();
    expect(reads).toHaveLength(0);
    back();
    expect(await given).toEqual(range(1, 5));
  });
});
