import { entryBytes, isFullOfBytes, type LogBounds } from './log-bounds.js';
import { messageName, storedAt } from './message-format.js';
import type { AppendRequest, LogEntry } from './port.js';
import type { SessionState } from './session-json.js';

/**
 * Kept messages that a request may repeat (A4), by name.
 *
 * @param state the session's
 */
export function duplicatesOf(
  state: Pick<SessionState, 'epoch' | 'retried'>,
  log: readonly LogEntry[],
  request: AppendRequest,
): Map<string, LogEntry> {
  const starts: number[] = [];
  const heard = request.position?.epoch ? request.position.seq : 0;
  if (state.retried > heard) starts.push(heard);
  for (const { retry } of request.messages) {
    if (retry === 'anywhere') starts.push(0);
    else if (retry) {
      const isKept = log.some(({ seq, id }) => seq === retry.seq && id === retry.id);
      starts.push(isKept && retry.epoch === state.epoch ? retry.seq : 0);
    }
  }
  if (starts.length === 0) return new Map();
  const from = Math.min(...starts);
  const named = log.filter(({ seq, senderKey }) => seq >= from && senderKey !== '');
  return new Map(named.map((entry) => [messageName(entry), entry]));
}

/**
 * What `heal-2.lua` makes of a log (G2).
 *
 * @param count number of the newest message
 * @param given what the caller has delivered, without holes, oldest first
 * @returns nothing when the given entries contradict the log
 */
export function healLog(log: readonly LogEntry[], count: number, given: readonly LogEntry[]): LogEntry[] | undefined {
  const first = given[0];
  const last = given.at(-1);
  if (!first || !last) return [...log];
  const bySeq = new Map(given.map((entry) => [entry.seq, entry]));
  const named = given.filter(({ senderKey }) => senderKey !== '');
  const seqOf = new Map(named.map((entry) => [messageName(entry), entry.seq]));
  const contradicts = (entry: LogEntry): boolean => {
    const there = bySeq.get(entry.seq) ?? entry;
    // The same id with another time was stored anew: what stands before it may differ (G1).
    if (there.id !== entry.id || there.body !== entry.body) return true;
    return (seqOf.get(messageName(entry)) ?? entry.seq) !== entry.seq;
  };
  if (log.some(contradicts)) return undefined;
  const oldest = log[0]?.seq ?? count + 1;
  const healed = [...log];
  if (last.seq >= oldest - 1) healed.unshift(...given.filter((entry) => entry.seq < oldest));
  if (first.seq <= count + 1) healed.push(...given.filter((entry) => entry.seq > count));
  return healed;
}

/**
 * What `fork-2.lua` makes of two histories (G4).
 *
 * @param count number of the log's newest message
 * @param given what the caller still has of what it has delivered, oldest first
 * @param lastGiven the newest number that the caller has delivered, whether it still has that message or not
 * @param bounds of a log
 * @param samePast whether the log's entries below the given ones are older than those; see {@link shareEntry}
 */
export function joinHistories(
  log: readonly LogEntry[],
  count: number,
  given: readonly LogEntry[],
  lastGiven: number,
  bounds: LogBounds,
  samePast: boolean,
): LogEntry[] {
  const firstGiven = given[0]?.seq ?? lastGiven + 1;
  if (lastGiven <= count) {
    const firstKept = log[0]?.seq ?? count + 1;
    const lacking = without(given, log);
    const older = lacking.filter((entry) => samePast && isOlder(entry, log[0], firstKept));
    const others = lacking.filter((entry) => !older.includes(entry));
    // Older entries stay in front of the log's first, or were trimmed from it.
    const reaches = older.at(-1)?.seq === firstKept - 1 && older[0]?.seq === firstKept - older.length;
    if (reaches) return [...older, ...log, ...renumber(others, count + 1)];
    const isFull = log.length >= bounds.entries || isFullOfBytes(log.map(entryBytes), older.map(entryBytes), bounds);
    return [...log, ...renumber(isFull ? others : lacking, count + 1)];
  }
  const rest = without(log, given);
  const older = rest.filter((entry) => samePast && isOlder(entry, given[0], firstGiven));
  const others = rest.filter((entry) => !older.includes(entry));
  return [...renumber(older, firstGiven - older.length), ...given, ...renumber(others, lastGiven + 1)];
}

/**
 * Whether two histories have the same entry under the same number: then another gateway has joined them already (G4).
 */
export function shareEntry(log: readonly LogEntry[], given: readonly LogEntry[]): boolean {
  const bySeq = new Map(log.map((entry) => [entry.seq, entry]));
  return given.some((entry) => {
    const there = bySeq.get(entry.seq);
    return there !== undefined && messageName(there) === messageName(entry) && there.body === entry.body;
  });
}

/** A lower number is older only if its time is not later: a gateway that has lost more may have gone on from there. */
function isOlder(entry: LogEntry, first: LogEntry | undefined, firstSeq: number): boolean {
  return entry.seq < firstSeq && (first === undefined || storedAt(entry.body) <= storedAt(first.body));
}

function without(entries: readonly LogEntry[], known: readonly LogEntry[]): LogEntry[] {
  const names = new Set(known.map(messageName));
  return entries.filter((entry) => !names.has(messageName(entry)));
}

function renumber(entries: readonly LogEntry[], from: number): LogEntry[] {
  return entries.map((entry, index) => ({ ...entry, seq: from + index }));
}
