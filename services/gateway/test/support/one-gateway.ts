import { afterEach, beforeEach } from 'vitest';
import type { FakeClient } from './fake-client.js';
import type { Fate } from './faults.js';
import { type GatewayInWorld, World } from './world.js';

/** What {@link setUpOneGateway} has set up for the test that runs. */
export let world: World;
export let gateway: GatewayInWorld;
export let ann: FakeClient;
export let bob: FakeClient;

/** Before each test: a gateway with two members of the session `s`. Afterwards nothing runs. */
export function setUpOneGateway(): void {
  beforeEach(async () => {
    world = new World();
    gateway = world.gateway();
    ann = await gateway.connect('s', { client: 'secret-of-ann-0001' });
    bob = await gateway.connect('s', { client: 'secret-of-bob-0001' });
  });
  afterEach(() => world.close());
}

/** The next appends meet these fates, those after them work. */
export function appendsMeet(...fates: Fate[]): void {
  gateway.log.fate = ({ method }) => (method === 'append' ? (fates.shift() ?? 'works') : 'works');
}
