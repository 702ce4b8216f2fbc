import { auditEnd, missingInLog, missingOnPlain } from './final-audit.js';
import { auditPace } from './pace-audit.js';
import type { World } from './world.js';

/** All that share a Redis; mostly one. */
type Deployments = readonly [World, ...World[]];

/** How long everything may take to settle after the faults have ended. */
const SETTLE_MS = 60_000;
const LOOK_MS = 50;
/** How long a run waits for late effects, before and after all members have left. */
const QUIET_MS = 300;
const AFTERMATH_MS = 6_000;

/** Ends all faults. From now on the parts have to notice and repair what has happened to them. */
export function calm(deployments: Deployments): void {
  for (const world of deployments) {
    world.audit.note('CALM');
    world.disturb(0);
    world.redis.isFull = false;
    for (const { path, subscriber } of world.gateways) {
      path.release();
      const { link } = subscriber.connection;
      if (link) {
        link.lossRate = 0;
        link.lossCount = 0;
      }
    }
  }
  settle(deployments, false, () => lastWords(deployments));
}

/** Waits until every member has everything. */
function settle(deployments: Deployments, isLast: boolean, then: () => void): void {
  const [{ scheduler, audit }] = deployments;
  const untilMs = scheduler.nowMs + SETTLE_MS;
  const look = () => {
    for (const world of deployments) auditPace(world);
    const missing = deployments.map((world) => whatIsMissing(world, isLast)).find((what) => what !== undefined);
    if (missing === undefined) scheduler.after(QUIET_MS, then);
    else if (scheduler.nowMs < untilMs) scheduler.after(LOOK_MS, look);
    else audit.fail('settle', `after ${SETTLE_MS} ms ${missing}`);
  };
  look();
}

function whatIsMissing(world: World, isLast: boolean): string | undefined {
  for (const gateway of world.gateways) {
    if (gateway.state !== 'serving') return `${gateway.name} is ${gateway.state}`;
    if (gateway.isInMemory) return `${gateway.name} does not know that Redis is back`;
    for (const [link, wire] of gateway.links) {
      if ('isInMemory' in wire && wire.isInMemory) return `${link.name} is not told that Redis is back`;
    }
  }
  for (const member of world.framed) {
    const missing = member.missing(isLast);
    if (missing !== undefined) return `${member.name} ${missing}`;
  }
  for (const member of world.plain) {
    const missing = member.missing(isLast);
    if (missing !== undefined) return `${member.name} ${missing}`;
  }
  // A silent loss is put back with the next message.
  return missingOnPlain(world) ?? (isLast ? missingInLog(world) : undefined);
}

/** Sends a last message in each session, by which every member notices what it lacks. */
function lastWords(deployments: Deployments): void {
  for (const { audit, framed } of deployments) {
    audit.note('LAST WORDS');
    for (const { sessionId } of audit.histories.values()) {
      framed.find((member) => !member.hasLeft && member.sessionId === sessionId)?.send('last words');
    }
  }
  settle(deployments, true, () => leaveAll(deployments));
}

function leaveAll(deployments: Deployments): void {
  const [{ scheduler, audit }] = deployments;
  for (const world of deployments) {
    auditEnd(world);
    for (const member of [...world.framed, ...world.plain, ...world.probes]) member.leave();
    for (const gateway of world.gateways) void gateway.end();
  }
  scheduler.after(AFTERMATH_MS, () => {
    const left = deployments.flatMap(({ gateways }) => gateways).find((gateway) => gateway.state !== 'gone');
    if (left) audit.fail('close', `${left.name} did not close`);
    scheduler.stop();
  });
}
