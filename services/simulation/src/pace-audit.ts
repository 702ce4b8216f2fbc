import type { World } from './world.js';

/**
 * How late a message may be on the connections of a gateway without faults. A lost last publish is noticed within 3 s
 * (F4). Before that a dead subscription may have to be noticed (F3), or a pause after an outage has to end.
 */
const PACE_MS = 6_500;
/** A message is announced again at the earliest this long after it was stored. The announcement may be lost too. */
const ANNOUNCED_MS = 900;

/** Checks that messages which were stored long enough ago are on every connection that existed since. */
export function auditPace(world: World): void {
  const beforeMs = world.scheduler.nowMs - PACE_MS;
  if (beforeMs < world.disturbedUntilMs) return;
  // Who stored the last message may have died before it could say so: then others look by themselves, but later.
  if (world.gateways.some((gateway) => gateway.startedMs > 0 || gateway.state !== 'serving')) return;
  for (const gateway of world.gateways) {
    for (const [link, wire] of gateway.links) {
      if (wire.sinceMs > beforeMs) continue;
      const due = wire.history.newestAt(beforeMs);
      const message = wire.history.at(due);
      const isAnnounced = (message?.atMs ?? 0) + ANNOUNCED_MS > world.losesUntilMs;
      if (message && world.audit.wasForsaken(wire.history, message)) continue;
      if (wire.seq >= due || !isAnnounced) continue;
      world.audit.fail(
        'F4',
        `${PACE_MS} ms after it was stored ${due} is not on ${link.name}, which is at ${wire.seq}`,
      );
    }
  }
}
