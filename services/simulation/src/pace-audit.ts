import type { World } from './world.js';

/**
 * How late a message may reach the connections of a gateway that nothing hinders: a lost last publish shows within 3 s
 * (F4), and before that a subscription may have to be found dead (F3), or a pause after an outage to end.
 */
const PACE_MS = 6_500;
/** A message is announced again no sooner than this after it was stored; that, too, may be lost. */
const ANNOUNCED_MS = 900;

/** What was stored long enough ago is on every connection of every gateway that has been there since. */
export function auditPace(world: World): void {
  const beforeMs = world.scheduler.nowMs - PACE_MS;
  if (beforeMs < world.disturbedUntilMs) return;
  // Who stored the last message may have died before it could say so: then others look by themselves, but later.
  if (world.gateways.some((gateway) => gateway.startedMs > 0 || gateway.state !== 'serving')) return;
  for (const gateway of world.gateways) {
    for (const [link, wire] of gateway.links) {
      if (wire.sinceMs > beforeMs) continue;
      const due = wire.history.newestAt(beforeMs);
      const isAnnounced = (wire.history.at(due)?.atMs ?? 0) + ANNOUNCED_MS > world.losesUntilMs;
      if (wire.seq >= due || !isAnnounced) continue;
      world.audit.fail(
        'F4',
        `${PACE_MS} ms after it was stored ${due} is not on ${link.name}, which is at ${wire.seq}`,
      );
    }
  }
}
