import { expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { type Clock, systemClock, type Timer } from '../ports/clock.js';
import { AppendScheduler } from './append-scheduler.js';

function scheduled(): { clock: ManualClock; add(name: string): void; sent: string[] } {
  const clock = new ManualClock();
  const scheduler = new AppendScheduler(clock);
  const sent: string[] = [];
  return {
    clock,
    sent,
    add: (name) => scheduler.add({ due: () => sent.push(`${name} at ${clock.monotonic()}`) }),
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
  const add = (name: string): void => scheduler.add({ due: () => sent.push(name) });
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
