import { announcedRandom, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeliveryLoad, runDeliveryCheck } from '../src/delivery/delivery-load.js';
import { type DeliveryReport, formatReport } from '../src/delivery/delivery-report.js';
import type { ViolationKind } from '../src/delivery/violations.js';
import { type Lie, type ModelGateway, startModelGateway } from './model-gateway.js';

let gateway: ModelGateway;
const random = announcedRandom('delivery check');

beforeAll(async () => {
  gateway = await startModelGateway();
});

afterAll(stopAll);

async function check(lie: Lie | undefined, messages = 150): Promise<DeliveryReport> {
  gateway.lie = lie;
  const load = await DeliveryLoad.start({
    gateways: [gateway.url],
    history: gateway,
    sessions: 2,
    members: 3,
    rate: 200,
    disconnectEvery: 0.3,
    awayMs: 100,
    backoffBaseMs: 20,
    backoffMaxMs: 100,
    settleSeconds: 3,
    seed: random.seed,
  });
  await load.accepted(messages);
  // If the last message was lost, members notice it by the number of the next one.
  gateway.lie = undefined;
  await load.flowing();
  return load.finish();
}

it('finds nothing wrong with a gateway that keeps its promises, through every kind of disconnect', async () => {
  const report = await check(undefined, 300);
  expect(report.ok, formatReport(report)).toBe(true);
  expect(report).toMatchObject({ sessions: 2, members: 6, violations: {}, interruptions: {}, resets: 0, rejected: 0 });
  expect(report.accepted).toBe(report.sent);
  expect(report.shown).toBe(report.sent * 3);
  expect(Object.values(report.disconnects).every((count) => count > 0)).toBe(true);
  expect(report.accepting).toMatchObject({ count: report.accepted });
  expect(formatReport(report)).toMatch(/\nOK: /);
});

describe('finds out a gateway that', () => {
  it.each<[Lie, ViolationKind]>([
    ['forgets', 'lost'],
    ['forgets', 'shown_not_stored'],
    ['stores twice', 'stored_twice'],
    ['alters', 'altered'],
    ['makes up', 'foreign'],
    ['swallows', 'never_accepted'],
    ['refuses what it stores', 'refused_but_stored'],
    ['skips a frame', 'wire_gap'],
    ['repeats a frame', 'wire_double'],
    ['skips on resume', 'wire_gap'],
    ['repeats on resume', 'wire_double'],
    ['calls it lost', 'unrecovered'],
  ])('%s: %s', async (lie, kind) => {
    const report = await check(lie);
    expect(report.ok).toBe(false);
    expect(report.violations, formatReport(report)).toHaveProperty(kind);
    expect(formatReport(report)).toContain(`VIOLATION ${kind}`);
    expect(formatReport(report)).toContain(`--seed ${random.seed}`);
  });
});

it('R1: does not take the repair of a lost frame for a loss', async () => {
  const report = await check('skips a frame');
  expect(Object.keys(report.violations)).toEqual(['wire_gap']);
  expect(Object.keys(report.interruptions)).toEqual(['1000 a message is missing']);
});

it('tells that members cannot connect, and why', async () => {
  const options = { gateways: ['ws://127.0.0.1:1/'], history: gateway, sessions: 1, members: 1, settleSeconds: 1 };
  await expect(runDeliveryCheck(options)).rejects.toThrow(
    /^some members cannot connect: 1 members (?:waiting \(1006|connecting)/,
  );
});
