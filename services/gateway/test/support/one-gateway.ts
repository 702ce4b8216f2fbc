import { afterEach, beforeEach } from 'vitest';
import type { FakeClient } from './fake-client.js';
import type { Fate } from './faults.js';
import { type GatewayInWorld, World } from './world.js';

/** These belong to the running test; {@link setUpOneGateway} makes them. */
export let world: World;
export let gateway: GatewayInWorld;
export let ann: FakeClient;
export let bob: FakeClient;

/** Before each test: a gateway with two members of the session `s`. After each test the gateway is closed. */
export function setUpOneGateway(): void {
  beforeEach(async () => {
    world = new World();
    gateway = world.gateway();
    ann = await gateway.connect('s', { client: 'secret-of-ann-0001' });
    bob = await gateway.connect('s', { client: 'secret-of-bob-0001' });
  });
  afterEach(() => world.close());
}

/** Gives the next appends these fates; appends after them work. */
export function appendsMeet(...fates: Fate[]): void {
  gateway.log.fate = ({ method }) => (method === 'append' ? (fates.shift() ?? 'works') : 'works');
}
