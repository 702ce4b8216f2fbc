import { FakeClock } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { PacedReads } from './paced-reads.js';

/** Reads that the test answers, each named by its session and its key. */
function reader(atOnce = 1) {
  const clock = new FakeClock();
  const reads = new PacedReads<string>({ clock, atOnce });
  const begun: string[] = [];
  const inFlight: { readonly name: string; answer(page: string): void; fail(error: Error): void }[] = [];
  const memory = new Map<string, string>();
  const over = new Set<string>();
  const ask = (sessionId: string, key: string): Promise<string | undefined> => {
    const name = `${sessionId} ${key}`;
    return reads.page({
      sessionId,
      key,
      isOver: () => over.has(name),
      inMemory: () => memory.get(name),
      read: () => {
        begun.push(name);
        return new Promise((answer, fail) => inFlight.push({ name, answer, fail }));
      },
    });
  };
  /** The oldest read in flight is answered, some time after it began. */
  const answer = async (tookMs = 0): Promise<void> => {
    await clock.advanceAsync(tookMs);
    const oldest = inFlight.shift();
    oldest?.answer(`page of ${oldest.name}`);
    await clock.advanceAsync(0);
  };
  return { clock, reads, begun, inFlight, memory, over, ask, answer };
}

describe('paced reads', () => {
  it('F9: readers who wait for the same page share one read, and one that has begun is not shared', async () => {
    const { begun, ask, answer } = reader();
    const first = ask('a', '1');
    const others = Array.from({ length: 200 }, () => ask('a', '1'));
    expect(begun).toEqual(['a 1']);
    await answer();
    expect(await first).toBe('page of a 1');
    expect(begun).toEqual(['a 1', 'a 1']);
    await answer();
    expect(new Set(await Promise.all(others))).toEqual(new Set(['page of a 1']));
    expect(begun).toHaveLength(2);
  });

  it('F9: a session waits for one read of each other session, however many readers they have', async () => {
    const { begun, ask, answer } = reader();
    for (let page = 0; page < 200; page++) void ask('heavy', String(page));
    for (let page = 0; page < 50; page++) void ask('heavy too', String(page));
    for (let page = 0; page < 3; page++) void ask('light', String(page));
    for (let turn = 0; turn < 12; turn++) await answer();
    const turns = begun.flatMap((name, turn) => (name.startsWith('light') ? [turn] : []));
    expect(turns).toEqual([2, 5, 8]);
  });

  it('F9: at most so many reads are in flight, and one for each session', async () => {
    const { inFlight, ask, answer } = reader(2);
    for (const session of ['a', 'a', 'b', 'c']) void ask(session, String(inFlight.length));
    expect(inFlight.map(({ name }) => name)).toEqual(['a 0', 'b 1']);
    await answer();
    expect(inFlight.map(({ name }) => name)).toEqual(['b 1', 'c 2']);
  });

  it('F9: after a slow read as much time as two of them belongs to others; after a quick one none', async () => {
    const { clock, begun, ask, answer } = reader();
    for (let page = 1; page <= 9; page++) void ask('a', String(page));
    await answer(1);
    expect(begun).toHaveLength(2);
    await answer(100);
    await clock.advanceAsync(199);
    expect(begun).toHaveLength(2);
    await clock.advanceAsync(1);
    expect(begun).toHaveLength(3);
    await answer(60_000);
    await clock.advanceAsync(1_000);
    expect(begun).toHaveLength(4);
    await answer(2);
    await answer(2);
    expect(begun).toHaveLength(6);
  });

  it('F9: what comes into memory, or is not wanted any more, needs no read', async () => {
    const { reads, begun, memory, over, ask, answer } = reader();
    memory.set('a 0', 'in memory');
    expect(await ask('a', '0')).toBe('in memory');
    const pages = ['1', '2', '3', '4'].map((key) => ask('a', key));
    memory.set('a 2', 'in memory');
    over.add('a 3');
    await answer();
    await answer();
    expect(await Promise.all(pages)).toEqual(['page of a 1', 'in memory', undefined, 'page of a 4']);
    expect(begun).toEqual(['a 1', 'a 4']);
    expect(reads.isIdle).toBe(true);
  });

  it('F9: a read that fails fails for those who share it, and for nobody else', async () => {
    const { reads, inFlight, ask, answer } = reader();
    const first = ask('a', '1');
    const failing = [ask('a', '2'), ask('a', '2')];
    const other = ask('b', '1');
    await answer();
    await answer();
    inFlight.shift()?.fail(new Error('log cannot be read'));
    expect(await Promise.allSettled(failing)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
    expect(await Promise.all([first, other])).toEqual(['page of a 1', 'page of b 1']);
    expect(reads.isIdle).toBe(true);
  });
});
