import type { StoredMessage } from './history-reader.js';
import type { Journal } from './journal.js';
import type { Track } from './track.js';
import type { ViolationKind, Violations } from './violations.js';

/** A session as its stored history, its senders and its members know it. */
export interface AuditedSession {
  readonly journal: Journal;
  /** Every message that was ever stored, ordered by number. */
  readonly history: readonly StoredMessage[];
  readonly members: readonly { readonly number: number; readonly track: Track }[];
  /** Whether members were told that the history may differ. Numbers from before that are not compared. */
  readonly hadReset: boolean;
}

type Report = (kind: ViolationKind, detail: string, member?: number) => void;

/**
 * Checks the first promise of docs/design: every accepted message is in the history exactly once, and every member was
 * shown the history in its order, without a gap and without a repetition.
 */
export function auditSession(session: AuditedSession, violations: Violations): void {
  const { sessionId } = session.journal;
  const report: Report = (kind, detail, member) =>
    violations.add({ kind, sessionId, detail, ...(member === undefined ? {} : { member }) });
  const numbers = auditHistory(session, report);
  auditSenders(session, numbers, report);
  for (const member of session.members) auditMember(session, numbers, member, report);
}

/** @returns the number under which each message is stored, by the message's index in the journal */
function auditHistory({ journal, history }: AuditedSession, report: Report): Map<number, number> {
  const numbers = new Map<number, number>();
  let before: number | undefined;
  for (const { seq, id, content } of history) {
    if (before !== undefined && seq !== before + 1) report('history_gap', `${seq} follows ${before}`);
    before = seq;
    const index = journal.indexOf(id);
    if (index === undefined) {
      report('foreign', `${id} is number ${seq}`);
      continue;
    }
    const known = numbers.get(index);
    if (known !== undefined) report('stored_twice', `${id} is number ${known} and number ${seq}`);
    else numbers.set(index, seq);
    if (content !== journal.contentOf(id)) report('altered', `${id}, number ${seq}: ${JSON.stringify(content)}`);
  }
  return numbers;
}

function auditSenders({ journal, hadReset }: AuditedSession, numbers: Map<number, number>, report: Report): void {
  for (const [index, message] of journal.messages.entries()) {
    const { id, seq, refusal } = message;
    const stored = numbers.get(index);
    if (message.acceptedAt !== undefined) {
      if (stored === undefined) report('lost', `${id}, accepted as number ${seq}`);
      else if (stored !== seq && !hadReset) report('renumbered', `${id}: accepted as ${seq}, stored as ${stored}`);
    } else if (refusal === undefined) report('never_accepted', id);
    else if (stored !== undefined) report('refused_but_stored', `${id}, number ${stored}: ${refusal}`);
  }
}

function auditMember(
  { journal, history, hadReset }: AuditedSession,
  numbers: Map<number, number>,
  { number, track }: AuditedSession['members'][number],
  report: Report,
): void {
  const { joinedAfter } = track;
  if (joinedAfter === undefined) return report('never_connected', 'no welcome', number);
  const idOf = (index: number): string => journal.messages[index]?.id ?? '?';
  /** The newest number under which each message was shown, by index in the journal; 0 while it is pending. */
  const shown = new Map<number, number>();
  /** Indexes of messages that the current page was shown. */
  let page = new Set<number>();
  /** Indexes of messages that only an earlier page was shown, and that a reset allows to be shown again. */
  const forgotten = new Set<number>();
  const skipped: { from: number; to: number }[] = [];
  let newest = joinedAfter;
  for (const sighting of track.sightings()) {
    switch (sighting.kind) {
      case 'gap':
        skipped.push(sighting);
        newest = sighting.to;
        break;
      case 'reset':
        newest = sighting.from - 1;
        // A page recognizes messages that it was shown itself. It knows nothing of those an earlier page was shown.
        for (const index of shown.keys()) if (!page.has(index)) forgotten.add(index);
        break;
      case 'reload':
        page = new Set();
        for (const [index, seq] of shown) if (seq === 0) shown.delete(index);
        break;
      case 'message':
      case 'update': {
        const { index, seq } = sighting;
        // A message that its sender has sent again may be shown as pending to a page that does not know it (D3).
        const isPending = seq === 0 && !page.has(index);
        const isAgain = sighting.kind === 'message' && shown.has(index) && !isPending && !forgotten.delete(index);
        if (isAgain) report('shown_twice', idOf(index), number);
        page.add(index);
        shown.set(index, seq);
        if (seq === 0) break;
        if (seq !== newest + 1) report('out_of_order', `${idOf(index)}: ${seq} follows ${newest}`, number);
        newest = seq;
      }
    }
  }
  for (const [index, seq] of shown) {
    const stored = numbers.get(index);
    if (stored === undefined) report('shown_not_stored', `${idOf(index)}, number ${seq}`, number);
    else if (stored !== seq) report('wrong_number', `${idOf(index)}: shown as ${seq}, stored as ${stored}`, number);
  }
  for (const { seq, id } of history) {
    const index = journal.indexOf(id);
    if (index === undefined || shown.has(index) || (seq <= joinedAfter && !hadReset)) continue;
    const wasTold = skipped.some(({ from, to }) => seq >= from && seq <= to);
    report(wasTold ? 'skipped' : 'missed', `${id}, number ${seq}`, number);
  }
}
