import { expect, it } from 'vitest';
import { planMembers } from './run-reconnect.js';
import { WORKLOADS } from './workloads.js';

const plans = planMembers(WORKLOADS.reconnect, { ports: [1, 2] });
const moving = plans.filter(({ returnsTo }) => returnsTo !== undefined);
const staying = plans.filter(({ returnsTo }) => returnsTo === undefined);

it('has as many connections in the end as a process may have open files', () => {
  expect([moving.length, staying.length]).toEqual([19_000, 800]);
  expect(new Set(plans.map(({ number }) => number)).size).toBe(19_800);
});

it('moves everybody from the first gateway to the second, where the others are', () => {
  expect(new Set(moving.map(({ port, returnsTo }) => `${port} to ${returnsTo}`))).toEqual(new Set(['1 to 2']));
  expect(new Set(staying.map(({ port }) => port))).toEqual(new Set([2]));
});

it('lets nobody that moves send where those that stay are timed', () => {
  const timed = new Set(staying.map(({ session }) => session));
  const shared = moving.filter(({ session }) => timed.has(session));
  expect(shared.length).toBe(1_000);
  expect(moving.every(({ session, silent }) => timed.has(session) === (silent === true))).toBe(true);
});
