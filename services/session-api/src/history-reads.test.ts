import { Readable } from 'node:stream';
import { FakeClock } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { HistoryReads } from './history-reads.js';

function historyReads() {
  const clock = new FakeClock();
  const reads = new HistoryReads<{ name: string }>({ clock });
  const begun: string[] = [];
  const answers: Readable[] = [];
  /** Of the answers' pages. */
  const names: string[] = [];
  /** Asks for a page, and holds it in an answer that nobody takes yet. */
  const ask = async (sessionId: string, range: string): Promise<string | undefined> => {
    const page = await reads.page({
      sessionId,
      range,
      isOver: () => false,
      read: async () => {
        begun.push(`${sessionId} ${range}`);
        return { name: `${sessionId} ${range}` };
      },
    });
    if (!page) return undefined;
    const answer = Readable.from(['text']).on('error', () => undefined);
    reads.hold(sessionId, page, answer);
    answers.push(answer);
    names.push(page.name);
    return page.name;
  };
  const settle = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advanceAsync(0);
  };
  return { clock, begun, answers, names, ask, settle };
}

describe('reads of histories', () => {
  it('F9: pages that callers have not taken have a bound, of each session and of all', async () => {
    const { begun, answers, ask, settle } = historyReads();
    for (let page = 0; page < 20; page++) void ask('heavy', String(page));
    await settle();
    // One more may have been begun when the last of them came.
    expect(begun.length).toBeGreaterThanOrEqual(8);
    expect(begun.length).toBeLessThanOrEqual(9);
    for (let session = 0; session < 60; session++) void ask(`s${session}`, '0');
    await settle();
    // Four reads at once, one of which waits for the session that has its most.
    expect(begun.length).toBeGreaterThanOrEqual(32);
    expect(begun.length).toBeLessThanOrEqual(36);
    const before = begun.length;
    for (const answer of answers.slice(-5)) answer.destroy();
    await settle();
    expect(begun.length).toBeGreaterThan(before);
  });

  it('F9: answers of one page hold it together', async () => {
    const { begun, answers, ask, settle } = historyReads();
    for (let caller = 0; caller < 300; caller++) void ask('s', '0');
    await settle();
    expect(answers).toHaveLength(300);
    expect(begun).toEqual(['s 0', 's 0']);
    expect(await ask('s', '1')).toBe('s 1');
  });

  it('F9: an answer that is taken for longer than ten seconds is cut, only while somebody waits for its place', async () => {
    const { clock, answers, names, ask, settle } = historyReads();
    for (let page = 0; page < 8; page++) void ask('slow', String(page));
    void ask('other', '0');
    await settle();
    const other = answers[names.indexOf('other 0')];
    await clock.advanceAsync(60_000);
    expect(answers.some(({ destroyed }) => destroyed)).toBe(false);
    const next = ask('slow', 'next');
    await settle();
    expect(await next).toBe('slow next');
    const cut = answers.filter(({ destroyed }) => destroyed);
    expect(cut).toHaveLength(8);
    expect(cut).not.toContain(other);
  });
});
