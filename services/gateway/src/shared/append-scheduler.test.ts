import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type Clock, systemClock, type Timer } from '../ports/clock.js';
import { AppendScheduler, type ScheduledQueue } from './append-scheduler.js';

const SHARD = {};

function queueOf(dueBytes: number, due: () => unknown, shard: object = SHARD): ScheduledQueue {
  return { dueBytes, shard, due: () => due() !== false };
}

function scheduled(): { clock: ManualClock; add(name: string): void; sent: string[] } {
  const clock = new ManualClock();
  const scheduler = new AppendScheduler(clock);
  const sent: string[] = [];
  return {
    clock,
    sent,
    add: (name) => scheduler.add(queueOf(100, () => sent.push(`${name} at ${clock.monotonic()}`))),
  };
}

it('A2: after a millisecond without appends the next ones go at the end of the turn', async () => {
  const { clock, add, sent } = scheduled();
  add('a');
  expect(sent).toEqual([]);
  await clock.settle();
  await clock.advance(1);
  add('b');
  add('c');
  await clock.settle();
  expect(sent).toEqual(['a at 0', 'b at 1', 'c at 1']);
});

it('A2: under steady load a round goes once a millisecond, in the order of the calls', async () => {
  const { clock, add, sent } = scheduled();
  add('a');
  await clock.advance(0.25);
  add('b');
  await clock.advance(0.25);
  add('c');
  await clock.advance(0.25);
  expect(sent).toEqual(['a at 0']);
  await clock.advance(0.25);
  expect(sent).toEqual(['a at 0', 'b at 1', 'c at 1']);
});

it('A2: under heavy load a round takes the appends of three turns; without load no timer is left', () => {
  let deferred: (() => void)[] = [];
  let timers: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    defer: (callback) => void deferred.push(callback),
    setTimeout: (callback) => timers.push(callback) as unknown as Timer,
  };
  const turn = (): void => {
    const due = [...timers, ...deferred];
    [timers, deferred] = [[], []];
    for (const callback of due) callback();
  };
  const scheduler = new AppendScheduler(clock);
  const sent: string[] = [];
  const add = (name: string): void => scheduler.add(queueOf(100, () => sent.push(name)));
  add('a');
  turn();
  expect(sent).toEqual(['a']);
  for (const name of ['b', 'c', 'd']) {
    add(name);
    expect(sent).toEqual(['a']);
    turn();
  }
  expect(sent).toEqual(['a', 'b', 'c', 'd']);
  for (let turns = 0; turns < 4; turns++) turn();
  expect([timers, deferred]).toEqual([[], []]);
  add('e');
  turn();
  expect(sent.at(-1)).toBe('e');
});

describe('sessions with large batches', () => {
  const LARGE = 300_000;

  /** A scheduler, what it has sent, and how to add a queue by name. */
  function large() {
    const clock = new ManualClock();
    const scheduler = new AppendScheduler(clock);
    const sent: string[] = [];
    const queues = new Map<string, ScheduledQueue>();
    const add = (name: string, bytes = LARGE, shard: object = SHARD): void => {
      const queue = queues.get(name) ?? queueOf(bytes, () => sent.push(name), shard);
      queues.set(name, queue);
      scheduler.add(queue);
    };
    const answer = (name: string): void => scheduler.answered(queues.get(name) as ScheduledQueue);
    return { clock, scheduler, sent, add, answer };
  }

  it('A2: take turns, and those with small ones wait for none of them', async () => {
    const { clock, sent, add, answer } = large();
    for (const name of ['l1', 'l2', 'l3', 'l4']) add(name);
    add('small', 60_000);
    await clock.settle();
    expect(sent).toEqual(['l1', 'l2', 'small']);
    answer('l1');
    expect(sent.at(-1)).toBe('l3');
    // Whoever was answered is behind those that wait.
    add('l1');
    await clock.advance(5);
    answer('l2');
    answer('l3');
    answer('l3');
    expect(sent).toEqual(['l1', 'l2', 'small', 'l3', 'l4', 'l1']);
    for (const name of ['l4', 'l1']) answer(name);
    for (const name of ['l1', 'l2', 'l3']) add(name);
    await clock.advance(5);
    expect(sent.slice(6)).toEqual(['l1', 'l2']);
  });

  it('A2: wait for none that had nothing to send after all', async () => {
    const { clock, scheduler, sent, add } = large();
    for (let at = 0; at < 3; at++) scheduler.add(queueOf(LARGE, () => false));
    const empty: ScheduledQueue = queueOf(LARGE, () => scheduler.answered(empty));
    for (let at = 0; at < 3; at++) scheduler.add(empty);
    for (const name of ['l1', 'l2', 'l3']) add(name);
    await clock.settle();
    expect(sent).toEqual(['l1', 'l2']);
  });

  it('A2, D6: of one shard do not wait for those of another', async () => {
    const { clock, sent, add } = large();
    const other = {};
    for (const name of ['l1', 'l2', 'l3']) add(name);
    for (const name of ['o1', 'o2', 'o3']) add(name, LARGE, other);
    await clock.settle();
    expect(sent).toEqual(['l1', 'l2', 'o1', 'o2']);
  });
});
