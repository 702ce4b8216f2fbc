import type { FanOut } from '@holdfast/fan-out';
import { missingPermissions, missingRule, type RedisClient, told } from '@holdfast/redis-client';
import { type Names, storePermissions, UNUSED_ID } from '@holdfast/session-store';

/**
 * Finds the permissions that a gateway's user lacks (D7): those of the store, and publishing and subscribing on the
 * channels of sessions and of canaries.
 *
 * @returns a rule for each, as an access list has it
 * @throws {Error} when Redis does not answer
 */
export async function findMissingPermissions(
  client: RedisClient,
  fanOut: Pick<FanOut, 'subscribe' | 'unsubscribe'>,
  names: Names,
): Promise<string[]> {
  const { isCluster } = client;
  const canary = names.canaryChannel(UNUSED_ID);
  const publish = { keys: [], commands: [[isCluster ? 'spublish' : 'publish', canary, '']] };
  const missing = new Set(await missingPermissions(client, [storePermissions(names, isCluster), publish]));
  for (const channel of [names.liveChannel(UNUSED_ID), canary]) {
    const said = await told(() => fanOut.subscribe(channel, () => undefined));
    const rule = missingRule(said, [isCluster ? 'ssubscribe' : 'subscribe', channel]);
    if (rule !== undefined) missing.add(rule);
    else await fanOut.unsubscribe(channel);
  }
  return [...missing];
}
