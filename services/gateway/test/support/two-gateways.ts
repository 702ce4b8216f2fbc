import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach } from 'vitest';
import type { FakeClient } from './fake-client.js';
import { type GatewayInWorld, World } from './world.js';

/** The channel of the session of {@link setUpTwoGateways}. */
export const LIVE = liveChannel('s');

/** These belong to the running test; {@link setUpTwoGateways} makes them. */
export let world: World;
export let here: GatewayInWorld;
export let there: GatewayInWorld;
export let ann: FakeClient;
export let bob: FakeClient;

export interface TwoGatewaysOptions {
  /** Of sessions; seconds. */
  readonly ttl?: number;
  /** Environment of the first gateway. */
  readonly env?: Record<string, string>;
}

/** Before each test: two gateways, and one member of the session `s` at each. After each test both are closed. */
export function setUpTwoGateways({ env, ...options }: TwoGatewaysOptions = {}): void {
  beforeEach(async () => {
    world = new World(options);
    here = world.gateway(env);
    there = world.gateway();
    ann = await here.connect('s', { client: 'secret-of-ann-0001' });
    bob = await there.connect('s', { client: 'secret-of-bob-0001' });
  });
  afterEach(() => world.close());
}

/** Lets a member send messages one after the other. @param ids of the messages; their contents are the same */
export async function say(member: FakeClient, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    member.say(id);
    await world.settle();
  }
}

/** The first gateway does not receive the next publishes of the session. @param count how many; by default all */
export function lose(count = Number.POSITIVE_INFINITY): void {
  let left = count;
  here.fanOut.hear = (channel) => channel !== LIVE || --left < 0;
}

export function hearAgain(): void {
  here.fanOut.hear = () => true;
}
