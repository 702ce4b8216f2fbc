import { describe, expect, it } from 'vitest';
import { Descriptors } from './descriptors.js';
import type { ScarceResource } from './metric-labels.js';
import { ProcessLoad } from './process-load.js';

/** A process whose load the test sets. */
async function setUp(limits: { eventLoopLagMs?: number; limit?: number } = {}) {
  const descriptors = await Descriptors.watch({ limit: async () => limits.limit ?? 1_000, count: async () => 36 });
  const now = { ms: 0, memory: 0, lateMs: 0 };
  const lines: string[] = [];
  const told: [ScarceResource, number][] = [];
  const load = new ProcessLoad({
    logger: { warn: (_fields, text) => lines.push(text), info: (_fields, text) => lines.push(text) },
    metrics: { loopDelayMs: () => now.lateMs, overload: (resource, refused) => told.push([resource, refused]) },
    descriptors,
    eventLoopLagMs: limits.eventLoopLagMs ?? 250,
    memoryBytes: 0,
    memory: () => now.memory,
    nowMs: () => now.ms,
  });
  const tick = (change: Partial<typeof now>) => {
    Object.assign(now, change);
    now.ms += 1_000;
    load.tick();
    return [load.shortage(false), load.shortage(true)];
  };
  return { load, descriptors, lines, told, now, tick };
}

describe('a process that is short of something', () => {
  it('B7: refuses nobody while there is enough', async () => {
    const { load, lines, tick } = await setUp();
    expect(tick({ memory: 0.99, lateMs: 249 })).toEqual([undefined, undefined]);
    expect([load.readiness(), lines]).toEqual([{ full: false }, []]);
  });

  it('B7: of memory it refuses new members first, then all, and takes them again somewhat below', async () => {
    const { tick } = await setUp();
    expect(tick({ memory: 1.01 })).toEqual(['memory', undefined]);
    expect(tick({ memory: 0.96 })).toEqual(['memory', undefined]);
    expect(tick({ memory: 1.06 })).toEqual(['memory', 'memory']);
    expect(tick({ memory: 1.01 })).toEqual(['memory', 'memory']);
    expect(tick({ memory: 0.99 })).toEqual(['memory', undefined]);
    expect(tick({ memory: 0.94 })).toEqual([undefined, undefined]);
  });

  it('B7, B5: of time it refuses new members, and never those that come back', async () => {
    const { tick, load } = await setUp({ eventLoopLagMs: 100 });
    expect(tick({ lateMs: 5_000 })).toEqual(['event_loop', undefined]);
    expect(tick({ lateMs: 60 })).toEqual(['event_loop', undefined]);
    for (let n = 0; n < 20; n++) tick({});
    expect(load.readiness()).toEqual({ full: false, overloaded: 'event_loop' });
    expect(tick({ lateMs: 40 })).toEqual([undefined, undefined]);
    expect(load.readiness()).toEqual({ full: false });
    const unlimited = await setUp({ eventLoopLagMs: 0 });
    expect(unlimited.tick({ lateMs: 60_000 })).toEqual([undefined, undefined]);
  });

  it('B7: of descriptors it notices at once, and takes members again when twice the last ones are free', async () => {
    const { load, descriptors, told } = await setUp({ limit: 400 });
    const free = (count: number) => {
      while (descriptors.free > count) descriptors.take();
      while (descriptors.free < count) descriptors.giveBack();
      return [load.shortage(false), load.shortage(true)];
    };
    expect(descriptors.last).toBe(50);
    expect(free(51)).toEqual([undefined, undefined]);
    expect(free(50)).toEqual(['descriptors', undefined]);
    expect(free(25)).toEqual(['descriptors', 'descriptors']);
    expect(free(49)).toEqual(['descriptors', 'descriptors']);
    expect(free(50)).toEqual(['descriptors', undefined]);
    expect(free(99)).toEqual(['descriptors', undefined]);
    expect(free(100)).toEqual([undefined, undefined]);
    expect(told.map(([, refused]) => refused)).toEqual([1, 2, 1, 0]);
  });

  it('B7: says so once, at most once a minute, and says when it is over', async () => {
    const { tick, lines, now } = await setUp();
    for (let n = 0; n < 10; n++) tick({ memory: 1.01 });
    expect(lines).toEqual([expect.stringContaining('Short of memory')]);
    tick({ memory: 0.5 });
    for (let n = 0; n < 5; n++) {
      tick({ memory: 1.2 });
      tick({ memory: 0.5 });
    }
    expect(lines.slice(1)).toEqual(['No longer short of memory']);
    now.ms += 60_000;
    tick({ memory: 1.2 });
    expect(lines).toHaveLength(3);
  });

  it('B7: /readyz tells what lasts for ten seconds, and fails when everybody is refused for so long', async () => {
    const { tick, load } = await setUp();
    tick({ memory: 1.01 });
    for (let n = 0; n < 9; n++) tick({});
    expect(load.readiness()).toEqual({ full: false });
    tick({});
    expect(load.readiness()).toEqual({ full: false, overloaded: 'memory' });
    tick({ memory: 1.1 });
    expect(load.readiness()).toEqual({ full: true, overloaded: 'memory' });
    tick({ memory: 0.5 });
    expect(load.readiness()).toEqual({ full: false });
  });

  it('B7: measures the memory of this very process', async () => {
    const { descriptors } = await setUp();
    const logger = { warn: () => undefined, info: () => undefined };
    const metrics = { loopDelayMs: () => 0, overload: () => undefined };
    const shortageAt = (memoryBytes: number) => {
      const load = new ProcessLoad({ logger, metrics, descriptors, eventLoopLagMs: 0, memoryBytes });
      load.tick();
      return load.shortage(true);
    };
    expect([shortageAt(1_000_000), shortageAt(0), shortageAt(1e15)]).toEqual(['memory', undefined, undefined]);
  });
});
