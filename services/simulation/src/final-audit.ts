import type { FramedMember } from './framed-member.js';
import type { History } from './history.js';
import type { PlainMember } from './plain-member.js';
import type { World } from './world.js';

/** What must hold when everything has settled. */
export function auditEnd(world: World): void {
  for (const history of world.audit.histories.values()) auditLog(world, history);
  for (const member of world.framed) auditFramed(world, member);
  for (const member of world.plain) auditPlain(world, member);
}

/** The log is what was published, in one order. */
function auditLog(world: World, history: History): void {
  void world.redis.store.read(history.sessionId, { newest: history.newest + 1 }).then(({ session, entries }) => {
    const { fail } = world.audit;
    if ((session?.count ?? 0) !== history.newest) fail('A1', `the count is ${session?.count}, not ${history.newest}`);
    if ((entries[0]?.seq ?? 0) !== history.firstKept) fail('K2', `the log begins at ${entries[0]?.seq}`);
    for (const { seq, id } of entries) {
      if (history.at(seq)?.id !== id) fail('A1', `the log has ${id} as ${seq}`);
    }
  });
}

/** Everything a surviving member sent was accepted, and stands in the order in which it was sent. */
function auditFramed(world: World, member: FramedMember): void {
  const { fail } = world.audit;
  const history = world.audit.history(member.sessionId);
  let before = 0;
  for (const { id, content, accepted } of member.sent) {
    const stored = history.find(content);
    if (!stored && (accepted || !member.hasLeft)) fail('1', `${id} of ${member.name} is not in the history`);
    if (!stored) continue;
    if (!accepted && !member.hasLeft) fail('V4', `${member.name} does not know that ${id} is stored`);
    if (stored.seq < before) fail('A2', `${id} of ${member.name} is ${stored.seq}, what was sent before it ${before}`);
    if (stored.id !== id) fail('A4', `${id} of ${member.name} is stored as ${stored.id}`);
    before = stored.seq;
  }
}

/** A plain sender learns of what was stored by hearing it; order it has on one connection only. */
function auditPlain(world: World, member: PlainMember): void {
  const { fail } = world.audit;
  const history = world.audit.history(member.sessionId);
  let before = { connection: 0, seq: 0 };
  for (const { content, connection } of member.sent) {
    const seq = history.find(content)?.seq;
    // What its gateway showed it as pending and took to its grave, a plain sender does not send again (D5).
    if (seq === undefined) continue;
    if (connection === before.connection && seq < before.seq) {
      fail('A2', `"${content}" of ${member.name} is ${seq}, what was sent before it ${before.seq}`);
    }
    before = { connection, seq };
  }
}
