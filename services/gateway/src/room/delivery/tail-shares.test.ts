import type { LiveMessage } from '@holdfast/session-store';
import { drawSeed, runs, SeededRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { TailBudget } from '../../shared/memory-budgets.js';
import { Tail } from './tail.js';

const SEEDS = Array.from({ length: runs(10) }, () => drawSeed());
const LIMIT = 1_048_576;
/** Up to here nobody is asked to give anything while somebody holds more. */
const SMALL = LIMIT / 1_024;
/** What a message costs beside its frame, where it comes alone. */
const OVERHEAD = 200 + 120 + 16;

const FRAME = Buffer.alloc(2 * LIMIT, 'x');

function message(seq: number, bytes: number): LiveMessage {
  return { seq, id: `id-${seq}`, senderKey: 'ann', frame: FRAME.subarray(0, bytes) };
}

/** One session's tail, and what it was given. */
class Session {
  readonly tail: Tail;
  newest = 0;

  constructor(budget: TailBudget) {
    this.tail = new Tail({ entries: 1_000, bytes: 1e9 }, budget);
  }

  push(...sizes: readonly number[]): void {
    this.tail.push(sizes.map((bytes) => message(++this.newest, bytes)));
  }

  get held(): number[] {
    const { firstSeq } = this.tail;
    return firstSeq === 0 ? [] : (this.tail.from(firstSeq, 1_000) ?? []).map(({ seq }) => seq);
  }
}

function sessionsOf(count: number, bytes = LIMIT): { budget: TailBudget; sessions: Session[] } {
  const budget = new TailBudget({ bytes, ageMs: 1e9 }, () => 0);
  return { budget, sessions: Array.from({ length: count }, () => new Session(budget)) };
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('the shares of the tails', () => {
  it('F5: a session with large messages evicts nothing of others, and has the rest of the memory', () => {
    const { budget, sessions } = sessionsOf(3);
    const [quiet, chat, heavy] = sessions as [Session, Session, Session];
    for (let at = 0; at < 100; at++) quiet.push(200);
    for (let at = 0; at < 950; at++) {
      heavy.push(98_304);
      if (at % 10 === 0) chat.push(200);
    }
    expect([quiet.held.length, chat.held.length]).toEqual([100, 95]);
    expect(heavy.held).toEqual([942, 943, 944, 945, 946, 947, 948, 949, 950].slice(-heavy.held.length));
    expect(budget.bytes).toBeGreaterThan(LIMIT - 98_304 - OVERHEAD);
    expect(budget.bytes).toBeLessThanOrEqual(LIMIT);
  });

  it('F5: one message that is larger than all of the memory evicts nobody', () => {
    const { sessions } = sessionsOf(2);
    const [small, huge] = sessions as [Session, Session];
    for (let at = 0; at < 3; at++) small.push(100);
    huge.push(2 * LIMIT);
    expect([small.held, huge.held]).toEqual([[1, 2, 3], []]);
    huge.push(100);
    expect(huge.held).toEqual([2]);
  });

  it('F5: many heavy sessions take from each other, not from those that hold little', () => {
    const { sessions } = sessionsOf(101);
    const [chat, ...heavy] = sessions as [Session, ...Session[]];
    for (let at = 0; at < 15; at++) chat.push(100);
    for (let round = 0; round < 20; round++) for (const each of heavy) each.push(4_000);
    expect(chat.held).toHaveLength(15);
    const least = Math.min(...heavy.map(({ tail }) => tail.heldBytes));
    const most = Math.max(...heavy.map(({ tail }) => tail.heldBytes));
    expect(most / least).toBeLessThanOrEqual(2);
  });

  it('F5: of sessions that hold about as much, the least recently used one gives first', () => {
    const { sessions } = sessionsOf(3);
    const [first, second, newcomer] = sessions as [Session, Session, Session];
    for (const each of [first, second]) for (let at = 0; at < 5; at++) each.push(100_000);
    first.push(1_000);
    newcomer.push(90_000);
    expect([first.held.length, second.held.length]).toEqual([6, 4]);
  });

  it('F5: a tail that was read from the log gives room in parts', () => {
    const { sessions } = sessionsOf(2);
    const [opened, other] = sessions as [Session, Session];
    opened.tail.refill(upTo(900).map((seq) => message(seq, 900)));
    expect(opened.held).toEqual(upTo(900));
    other.push(100_000);
    expect(opened.held.at(-1)).toBe(900);
    expect(opened.held.length).toBeGreaterThan(700);
    expect(other.held).toEqual([1]);
  });

  it.each(SEEDS)(
    'F5: the bytes stay within the limit, nobody loses anything to one that holds more, and the oldest go first (seed %i)',
    (seed) => {
      const random = new SeededRandom(seed);
      const { budget, sessions } = sessionsOf(random.int(2, 40));
      const size = (): number => Math.round(10 ** (1 + random.next() * random.pick([2, 4, 5.1])));
      for (let step = 0; step < 200; step++) {
        const pushed = random.pick(sessions);
        const before = new Map(sessions.map((each) => [each, each.tail.heldBytes]));
        if (random.chance(0.02)) pushed.tail.clear();
        const cleared = pushed.tail.heldBytes;
        const sizes = Array.from({ length: random.pick([1, 1, 1, 5, 30]) }, size);
        pushed.push(...sizes);
        const added = sizes.reduce((sum, bytes) => sum + bytes + 200 + 16, 120);
        before.set(pushed, cleared + added);
        expect(budget.bytes).toBeLessThanOrEqual(LIMIT);
        expect(budget.bytes).toBe(sessions.reduce((sum, { tail }) => sum + tail.heldBytes, 0));
        const most = Math.max(...sessions.map(({ tail }) => tail.heldBytes));
        for (const [session, had] of before) {
          const { held, newest, tail } = session;
          expect(held).toEqual(upTo(newest).slice(newest - held.length));
          expect(tail.lastSeq).toBe(held.length === 0 ? 0 : newest);
          // What gave something is among the largest: what is left of any other is of its rank at most.
          if (tail.heldBytes < had) expect(most).toBeLessThanOrEqual(rankEnd(had));
        }
      }
    },
  );
});

/** Most that a tail of the same rank holds. */
function rankEnd(bytes: number): number {
  let end = SMALL;
  while (end < bytes) end *= 2;
  return end;
}
