import { auditEnd, missingInLog, missingOnPlain } from './final-audit.js';
import { auditPace } from './pace-audit.js';
import type { World } from './world.js';

/** How long everything may take to settle after the faults have ended. */
const SETTLE_MS = 60_000;
const LOOK_MS = 50;
/** How long a run waits for late effects, before and after all members have left. */
const QUIET_MS = 300;
const AFTERMATH_MS = 6_000;

/** Ends all faults. From now on the parts have to notice and repair what has happened to them. */
export function calm(world: World): void {
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
  settle(world, false, () => lastWords(world));
}

/** Waits until every member has everything. */
function settle(world: World, isLast: boolean, then: () => void): void {
  const untilMs = world.scheduler.nowMs + SETTLE_MS;
  const look = () => {
    auditPace(world);
    const missing = whatIsMissing(world, isLast);
    if (missing === undefined) world.scheduler.after(QUIET_MS, then);
    else if (world.scheduler.nowMs < untilMs) world.scheduler.after(LOOK_MS, look);
    else world.audit.fail('settle', `after ${SETTLE_MS} ms ${missing}`);
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
function lastWords(world: World): void {
  world.audit.note('LAST WORDS');
  for (const { sessionId } of world.audit.histories.values()) {
    world.framed.find((member) => !member.hasLeft && member.sessionId === sessionId)?.send('last words');
  }
  settle(world, true, () => leaveAll(world));
}

function leaveAll(world: World): void {
  const { scheduler, audit, framed, plain, gateways } = world;
  auditEnd(world);
  for (const member of [...framed, ...plain, ...world.probes]) member.leave();
  for (const gateway of gateways) void gateway.end();
  scheduler.after(AFTERMATH_MS, () => {
    const left = gateways.find((gateway) => gateway.state !== 'gone');
    if (left) audit.fail('close', `${left.name} did not close`);
    scheduler.stop();
  });
}
