import { afterEach, beforeEach, expect, it } from 'vitest';
import { gateOf } from '../../test/support/gate.js';
import { type GatewayInWorld, World } from '../../test/support/world.js';

let world: World;
let gateway: GatewayInWorld;
beforeEach(() => {
  world = new World();
  gateway = world.gateway();
});
afterEach(() => world.close());

it('B5: lets a limited number of members ask Redis at a time, and welcomes all in the end', async () => {
  const gate = gateOf(gateway.log, 'open');
  const members = Array.from({ length: 500 }, (_, index) => gateway.dial(`s${index}`));
  await world.settle();
  expect(gate.waiting).toBe(200);
  gate.open();
  await world.settle();
  expect(members.every(({ welcome }) => welcome !== undefined)).toBe(true);
});

it('B5, R2: positions ahead of the log keep no newcomer out, and each is answered after a second', async () => {
  await world.append('s', 'm1');
  const epoch = await world.epochOf('s');
  const forged = Array.from({ length: 1_500 }, () => gateway.dial('s', { resume: { lastSeq: 99, epoch } }));
  await world.settle();
  const reads = gateway.log.of('read').length;
  const newcomer = gateway.dial('another');
  await world.settle();
  expect([newcomer.received.length, forged.some(({ received }) => received.length > 0)]).toEqual([1, false]);
  await world.advance(1_100);
  expect(forged.every(({ welcome }) => welcome?.['recovered'] === false)).toBe(true);
  expect(gateway.log.of('read').length - reads).toBeLessThan(20);
});

it('C5: opens a session once for all that join it together, with a line in the log for each', async () => {
  await world.append('s', 'm1');
  const members = Array.from({ length: 5 }, () => gateway.dial('s'));
  await world.settle();
  expect(members.map(({ welcome }) => welcome)).toEqual(Array(5).fill(expect.objectContaining({ seq: 1 })));
  expect(gateway.log.of('open')).toHaveLength(1);
  expect(gateway.messages.filter((message) => String(message).includes('loaded'))).toHaveLength(5);
});

it('a member that leaves before its join began changes nothing for the others of its session', async () => {
  const stays = await gateway.connect('s');
  const gate = gateOf(gateway.log, 'open');
  const others = Array.from({ length: 200 }, (_, index) => gateway.dial(`other-${index}`));
  const leaving = [gateway.dial('s'), gateway.dial('s')];
  for (const client of leaving) client.leave();
  gate.open();
  await world.settle();
  expect(others.every(({ welcome }) => welcome !== undefined)).toBe(true);
  await world.append('s', 'm1');
  await world.settle();
  expect(stays.seqs).toEqual([1]);
  expect(gateway.core.readiness()).toMatchObject({ connections: 201 });
});
