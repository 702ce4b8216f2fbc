import { expect, it } from 'vitest';
import { HeldClock } from '../../test/support/held-clock.js';
import { type Clock, systemClock, type Timer } from '../ports/clock.js';
import { AppendScheduler } from './append-scheduler.js';

function gathered(): { clock: HeldClock; add(name: string): void; sent: string[] } {
  const clock = new HeldClock();
  const scheduler = new AppendScheduler(clock);
  const sent: string[] = [];
  return {
    clock,
    sent,
    add: (name) => scheduler.add({ due: () => sent.push(`${name} at ${clock.monotonic()}`) }),
  };
}

it('A2: what comes after a millisecond of rest is sent at the end of the turn', async () => {
  const { clock, add, sent } = gathered();
  add('a');
  expect(sent).toEqual([]);
  await clock.settle();
  await clock.advance(1);
  add('b');
  add('c');
  await clock.settle();
  expect(sent).toEqual(['a at 0', 'b at 1', 'c at 1']);
});

it('A2: under steady load waits up to a millisecond to gather more, in the order it came', async () => {
  const { clock, add, sent } = gathered();
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

it('A2: under load gathers what comes in turns that follow on each other, and rests when nothing comes', () => {
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
