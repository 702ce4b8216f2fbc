import { afterEach, beforeEach } from 'vitest';
import type { FakeClient } from './fake-client.js';
import { type GatewayInWorld, World } from './world.js';

/** These belong to the running test; {@link setUpOutage} makes them. */
export let world: World;
export let gateway: GatewayInWorld;
export let other: GatewayInWorld;
export let ann: FakeClient;
export let plain: FakeClient;
export let bob: FakeClient;

/**
 * Before each test, while Redis is still there: two gateways, a framed and a plain member of the session `s` at the
 * first, a framed one at the other, and one message. After each test the gateways are closed.
 */
export function setUpOutage(): void {
  beforeEach(async () => {
    world = new World();
    gateway = world.gateway();
    other = world.gateway();
    ann = await gateway.connect('s', { client: 'secret-of-ann-0001' });
    plain = await gateway.connect('s', { plain: true });
    bob = await other.connect('s', { client: 'secret-of-bob-0001' });
    ann.say('m1');
    await world.settle();
  });
  afterEach(() => world.close());
}
