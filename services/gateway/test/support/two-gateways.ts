import { liveChannel } from '@holdfast/session-store';
import { afterEach, beforeEach } from 'vitest';
import type { FakeClient } from './fake-client.js';
import { type GatewayInWorld, World } from './world.js';

/** Where the session of {@link setUpTwoGateways} is published. */
export const LIVE = liveChannel('s');

/** What {@link setUpTwoGateways} has set up for the test that runs. */
export let world: World;
export let here: GatewayInWorld;
export let there: GatewayInWorld;
export let ann: FakeClient;
export let bob: FakeClient;

export interface TwoGatewaysOptions {
  /** Of sessions; seconds. */
  readonly ttl?: number;
  /** What the first gateway is told. */
  readonly env?: Record<string, string>;
}

/** Before each test: two gateways, and a member of the session `s` at each, Ann here. Afterwards nothing runs. */
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

/** Lets a member send these one after the other, each by its id. */
export async function say(member: FakeClient, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    member.say(id);
    await world.settle();
  }
}

/** The first gateway does not hear the next publishes of the session. */
export function lose(count = Number.POSITIVE_INFINITY): void {
  let left = count;
  here.fanOut.hear = (channel) => channel !== LIVE || --left < 0;
}

export function hearAgain(): void {
  here.fanOut.hear = () => true;
}
