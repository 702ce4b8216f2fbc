import type { FramedMember } from './framed-member.js';
import type { History } from './history.js';
import type { PlainMember } from './plain-member.js';
import { PlainWireAudit } from './plain-wire-audit.js';
import type { World } from './world.js';

/** Checks what must hold when everything has settled. */
export function auditEnd(world: World): void {
  for (const history of world.audit.histories.values()) auditLog(world, history);
  for (const member of world.framed) auditFramed(world, member);
  for (const member of world.plain) auditPlain(world, member);
}

/** The log is what was published, in one order. It lacks only messages that nobody had any more. */
function auditLog(world: World, history: History): void {
  const { fail } = world.audit;
  world.losses.look(history);
  const { count = 0, log = [] } = world.database.store.look(history.sessionId) ?? {};
  if (count !== history.newest) fail('A1', `the count is ${count}, not ${history.newest}`);
  if ((log[0]?.seq ?? 0) !== history.firstKept) fail('K2', `the log begins at ${log[0]?.seq}`);
  for (const { seq, id } of log) {
    if (history.at(seq)?.id !== id) fail('A1', `the log has ${id} as ${seq}`);
  }
  const returned = world.losses.returned(history);
  if (returned !== undefined) fail('G5', `${returned} of ${history.sessionId}, which had ended, is back`);
}

/** The first message that was stored, is not in the log, and may still be put back by a gateway. */
export function missingInLog({ audit, losses }: World): string | undefined {
  for (const history of audit.histories.values()) {
    losses.look(history);
    // Trimmed messages are not lost. Nor are those of a session that was lost shortly before it would have expired.
    if (history.isFull || (history.isShort && history.wasLost)) continue;
    const kept = new Set(history.kept.map(({ content }) => content));
    for (const content of history.contents) {
      if (!kept.has(content) && !history.isExcused(content)) return `"${content}" of ${history.sessionId} is lost`;
    }
  }
  return undefined;
}

/** Everything that a member sent which has not left was accepted, and is in the order in which it was sent. */
function auditFramed(world: World, member: FramedMember): void {
  const { fail } = world.audit;
  const history = world.audit.history(member.sessionId);
  member.audit();
  let before = 0;
  for (const { id, content, accepted, refused } of member.sent) {
    const stored = history.find(content);
    if (refused) continue;
    if (!stored && (accepted || !member.hasLeft)) fail('1', `${id} of ${member.name} is not in the history`);
    if (!stored) continue;
    if (!accepted && !member.hasLeft) fail('V4', `${member.name} does not know that ${id} is stored`);
    // What is held up for longer than a refused message is waited for overtakes it (V20).
    if (stored.seq < before && !history.isDisturbed && !member.wasFrozen)
      fail('A2', `${id} of ${member.name} is ${stored.seq}, what was sent before it ${before}`);
    if (stored.id !== id) fail('A4', `${id} of ${member.name} is stored as ${stored.id}`);
    before = stored.seq;
  }
}

/** A plain sender has its messages stored in order within one connection only. */
function auditPlain(world: World, member: PlainMember): void {
  const { fail } = world.audit;
  const history = world.audit.history(member.sessionId);
  let before = { connection: 0, seq: 0 };
  for (const { content, connection } of member.sent) {
    const seq = history.find(content)?.seq;
    // A plain sender does not repeat a message that its gateway showed as pending before the gateway died (D5).
    if (seq === undefined) continue;
    if (connection === before.connection && seq < before.seq && !history.isDisturbed) {
      fail('A2', `"${content}" of ${member.name} is ${seq}, what was sent before it ${before.seq}`);
    }
    before = { connection, seq };
  }
}

/** The first message that a plain connection was not given, although it came after the connection's first message. */
export function missingOnPlain({ gateways, audit }: World): string | undefined {
  for (const { links } of gateways) {
    for (const [{ name }, wire] of links) {
      // If messages came while the log could not be read, only a large enough tail still has all of them.
      if (!(wire instanceof PlainWireAudit) || (wire.history.isDisturbed && audit.tailsAreSmall)) continue;
      const missing = wire.history.kept.find(({ content, seq }) => isOwed(wire, content, seq));
      if (missing) return `${name} was never given ${missing.seq}: ${missing.content}`;
    }
  }
  return undefined;
}

function isOwed(wire: PlainWireAudit, content: string, seq: number): boolean {
  // Framed members are told of a gap there (V7). The plain protocol has no frame for that.
  if (wire.history.hasReturned(seq) || wire.has(content)) return false;
  // A message from before the connection's beginning need not be given, even if it is stored again.
  return wire.history.firstStoredMs(content) > wire.sinceMs;
}
