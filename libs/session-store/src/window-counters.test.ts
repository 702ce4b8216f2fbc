import { describe, expect, it } from 'vitest';
import { CreationLimit, MemoryWindowCounters, RedisWindowCounters, WINDOW_MS, type WindowCounters } from './index.js';

const clockAt = (startMs = 0) => {
  const clock = { nowMs: startMs, now: () => clock.nowMs };
  return clock;
};

describe('counters in memory', () => {
  it('M1: count each caller and each limit by itself, for a minute from the first on', async () => {
    const clock = clockAt(5);
    const counters = new MemoryWindowCounters(clock.now);
    expect(await counters.add('created', 'sub:a')).toEqual({ count: 1, leftMs: WINDOW_MS });
    clock.nowMs += 1_000;
    expect(await counters.add('created', 'sub:a')).toEqual({ count: 2, leftMs: WINDOW_MS - 1_000 });
    expect(await counters.add('created', 'sub:b')).toEqual({ count: 1, leftMs: WINDOW_MS });
    expect(await counters.add('requests', 'sub:a')).toEqual({ count: 1, leftMs: WINDOW_MS });
    clock.nowMs = 5 + WINDOW_MS;
    expect(await counters.add('created', 'sub:a')).toEqual({ count: 1, leftMs: WINDOW_MS });
  });

  it('M1: forget what has ended, and have a bound', async () => {
    const clock = clockAt();
    const counters = new MemoryWindowCounters(clock.now);
    for (let i = 0; i < 100_010; i++) await counters.add('requests', `address:${i}`);
    expect(counters.size).toBe(100_000);
    clock.nowMs += WINDOW_MS;
    await counters.add('requests', 'address:1');
    expect(counters.size).toBe(1);
  });
});

/** A client whose script answers what it is told, or fails. */
function scripted(answer: () => Promise<unknown>) {
  const calls: unknown[][] = [];
  const client = {
    defineCommand(name: string) {
      Reflect.set(client, name, (...args: unknown[]) => {
        calls.push(args);
        return answer();
      });
    },
  };
  return { client: client as unknown as ConstructorParameters<typeof RedisWindowCounters>[0], calls };
}

describe('counters in Redis', () => {
  it('M1: while Redis fails the process counts by itself, and asks Redis again after a second', async () => {
    const clock = clockAt();
    let isAway = false;
    const { client, calls } = scripted(async () => {
      if (isAway) throw new Error('Connection is closed.');
      return [41, 1_000];
    });
    const counters = new RedisWindowCounters(client, { now: clock.now });
    expect(await counters.add('requests', 'key:1')).toEqual({ count: 41, leftMs: 1_000 });
    expect(calls).toEqual([['{session:!key:1}:limit:requests', WINDOW_MS]]);
    isAway = true;
    expect(await counters.add('requests', 'key:1')).toEqual({ count: 1, leftMs: WINDOW_MS });
    expect((await counters.add('requests', 'key:1')).count).toBe(2);
    expect(calls).toHaveLength(2);
    isAway = false;
    clock.nowMs += 1_000;
    expect((await counters.add('requests', 'key:1')).count).toBe(41);
  });
});

describe('the limit of new sessions', () => {
  const failing: WindowCounters = { add: () => Promise.reject(new Error('asked')) };

  it('M2: lets so many through, then says how long to wait; the strictest of the callers counts', async () => {
    const clock = clockAt();
    const limit = new CreationLimit(new MemoryWindowCounters(clock.now), 2, clock.now);
    const ann = ['address:192.0.2.1', 'sub:ann'];
    expect(await limit.count(ann)).toBe(0);
    clock.nowMs += 10_000;
    expect(limit.waitMs(ann)).toBe(0);
    expect(await limit.count(ann)).toBe(0);
    expect(limit.waitMs(ann)).toBe(WINDOW_MS - 10_000);
    expect(limit.waitMs(['address:192.0.2.2', 'sub:bob'])).toBe(0);
    expect(limit.waitMs(['address:192.0.2.2', 'sub:ann'])).toBe(WINDOW_MS - 10_000);
    expect(await limit.count(['address:192.0.2.2', 'sub:ann'])).toBe(WINDOW_MS - 10_000);
    clock.nowMs += WINDOW_MS - 10_000;
    expect(limit.waitMs(ann)).toBe(0);
    expect(await limit.count(ann)).toBe(0);
  });

  it('M2: 0 is no limit, and nobody is asked', async () => {
    const limit = new CreationLimit(failing, 0);
    expect([await limit.count(['sub:ann']), limit.waitMs(['sub:ann'])]).toEqual([0, 0]);
  });
});
