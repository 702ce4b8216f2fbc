import { describe, expect, it } from 'vitest';
import type { Audit, Finding } from './audit.js';
import { emptyTally, type TallyLine, totalOf } from './tally.js';
import { type Walk, type WalkState, walk } from './walk.js';

const START: WalkState = { cursor: '0', tally: emptyTally(['broken']), inDoubt: [] };

/** Keys in pages of two; those in `broken` are faults until they are repaired. */
function world(keys: readonly string[], broken: Set<string>) {
  const events: string[] = [];
  const told: TallyLine[] = [];
  const audit: Audit = {
    name: 'test',
    faults: ['broken'],
    inspect: async (page) => {
      const findings = page.filter((key) => broken.has(key)).map((key) => finding(key));
      return { looked: { keys: page.length }, findings };
    },
    repair: async ({ sessionId }) => {
      events.push(`repair ${sessionId}`);
      return broken.delete(sessionId);
    },
  };
  const persisted: WalkState[] = [];
  const options: Walk = {
    audit,
    redis: {
      scan: async (cursor) => {
        const from = Number(cursor);
        return [from + 2 < keys.length ? String(from + 2) : '0', keys.slice(from, from + 2)];
      },
    },
    dryRun: false,
    persist: async (state) => {
      events.push(`persist ${state.cursor}`);
      persisted.push(structuredClone(state));
    },
    onFinding: (line) => void told.push(line),
    onBatch: () => undefined,
    shouldStop: () => false,
    rest: async (ms) => void events.push(ms >= 2 ? 'rest' : 'hurry'),
    now: () => 0,
  };
  return { options, events, told, persisted };
}

function finding(sessionId: string, repairable = true): Finding {
  return { fault: 'broken', sessionId, repairable, detail: {} };
}

describe('a walk over the keys', () => {
  it('W1: sees every key, rests between batches, and repairs what is certain', async () => {
    const { options, events, told } = world(['a', 'b', 'c', 'd', 'e'], new Set(['b', 'e']));
    const { done, tally } = await walk(options, START);
    expect(done).toBe(true);
    expect(tally.keys).toBe(5);
    expect(totalOf(tally)).toEqual({ found: 2, repaired: 2 });
    expect(told.map(({ sessionId }) => sessionId)).toEqual(['b', 'e']);
    expect(events).toEqual(['persist 0', 'repair b', 'rest', 'rest', 'persist 4', 'repair e']);
  });

  it('W5: rests after a batch at least as long as the batch took: a busy Redis is asked less', async () => {
    const { options } = world(['a', 'b', 'c', 'd', 'e'], new Set(['b']));
    const tookMs = [40, 300, 7];
    const rests: number[] = [];
    let nowMs = 0;
    const { scan } = options.redis;
    const slow: Walk['redis'] = {
      scan: (...args) => {
        nowMs += tookMs.shift() ?? 0;
        return scan(...args);
      },
    };
    await walk({ ...options, redis: slow, now: () => nowMs, rest: async (ms) => void rests.push(ms) }, START);
    expect(rests).toHaveLength(2);
    expect(rests[0]).toBeGreaterThanOrEqual(40);
    expect(rests[1]).toBeGreaterThanOrEqual(300);
  });

  it('W4: gives the work back where it stopped, and whoever takes it goes on there', async () => {
    const { options } = world(['a', 'b', 'c', 'd', 'e'], new Set(['a', 'd']));
    const first = await walk({ ...options, shouldStop: () => true }, START);
    expect(first).toMatchObject({ done: false, cursor: '2' });
    const rest = await walk(options, JSON.parse(JSON.stringify(first)));
    expect(rest.done).toBe(true);
    expect(rest.tally.keys).toBe(5);
    expect(totalOf(rest.tally)).toEqual({ found: 2, repaired: 2 });
  });

  it('W4: a death right after a repair loses no finding and counts none twice', async () => {
    const broken = new Set(['a', 'b', 'd']);
    const { options, persisted } = world(['a', 'b', 'c', 'd'], broken);
    const dies: Audit = {
      ...options.audit,
      repair: async (found) => {
        if (found.sessionId === 'b') throw new Error('killed');
        return options.audit.repair(found);
      },
    };
    await expect(walk({ ...options, audit: dies }, START)).rejects.toThrow('killed');
    expect([...broken]).toEqual(['b', 'd']);
    const last = persisted.at(-1);
    expect(last?.inDoubt.map(({ sessionId }) => sessionId)).toEqual(['a', 'b']);
    const { tally } = await walk(options, JSON.parse(JSON.stringify(last)));
    expect(tally.lines.map(({ sessionId, repaired }) => [sessionId, repaired])).toEqual([
      ['a', true],
      ['b', true],
      ['d', true],
    ]);
    expect(tally.keys).toBe(4);
  });

  it('W4: repairs nothing in a dry run, and says so', async () => {
    const { options, events } = world(['a'], new Set(['a']));
    const { tally } = await walk({ ...options, dryRun: true }, START);
    expect(totalOf(tally)).toEqual({ found: 1, repaired: 0 });
    expect(events).not.toContain('repair a');
  });

  it('does not call what healed by itself its repair', async () => {
    const { options } = world(['a'], new Set(['a']));
    const healed: Audit = { ...options.audit, repair: async () => false };
    const { tally } = await walk({ ...options, audit: healed }, START);
    expect(totalOf(tally)).toEqual({ found: 0, repaired: 0 });
  });
});
