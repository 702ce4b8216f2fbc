import { beforeEach } from 'vitest';
import type { FakeClient } from './fake-client.js';
import { ann, say, setUpTwoGateways, there } from './two-gateways.js';

/** Ids of the messages in the history, oldest first. */
export const OLD: readonly string[] = ['m1', 'm2', 'm3'];

/** A member on the plain protocol, at the second gateway. */
export let plain: FakeClient;

/** As {@link setUpTwoGateways}, with a history that every member has been given. */
export function setUpHistory(): void {
  setUpTwoGateways({ ttl: 1_000 });
  beforeEach(async () => {
    plain = await there.connect('s', { plain: true });
    await say(ann, ...OLD);
  });
}

/** What a member was told about its session (V7), in that order. */
export function events(member: FakeClient): unknown[] {
  return member.ofType('session').map((frame) => frame['event']);
}
