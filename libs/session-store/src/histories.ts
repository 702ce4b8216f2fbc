import { messageName } from './message-name.js';
import type { LogEntry } from './port.js';

/** What `heal-2.lua` makes of a log (G2). @returns nothing when the entries contradict it */
export function healLog(log: readonly LogEntry[], count: number, given: readonly LogEntry[]): LogEntry[] | undefined {
  const first = given[0];
  const last = given.at(-1);
  if (!first || !last) return [...log];
  const bySeq = new Map(given.map((entry) => [entry.seq, entry]));
  const named = given.filter(({ senderKey }) => senderKey !== '');
  const seqOf = new Map(named.map((entry) => [messageName(entry), entry.seq]));
  const contradicts = (entry: LogEntry): boolean =>
    (bySeq.get(entry.seq)?.id ?? entry.id) !== entry.id || (seqOf.get(messageName(entry)) ?? entry.seq) !== entry.seq;
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
 * @param lastGiven the newest number that was delivered, whether it is still among the given ones or not
 * @param historyMax entries that a log keeps
 * @param samePast whether the log's entries below the given ones are older than them; see {@link shareEntry}
 */
export function joinHistories(
  log: readonly LogEntry[],
  count: number,
  given: readonly LogEntry[],
  lastGiven: number,
  historyMax: number,
  samePast: boolean,
): LogEntry[] {
  const firstGiven = given[0]?.seq ?? lastGiven + 1;
  if (lastGiven <= count) {
    const firstKept = log[0]?.seq ?? count + 1;
    const lacking = without(given, log);
    const older = lacking.filter((entry) => samePast && isOlder(entry, log[0], firstKept));
    const others = lacking.filter((entry) => !older.includes(entry));
    // What is older than the log's first stays before that, or was trimmed.
    const reaches = older.at(-1)?.seq === firstKept - 1 && older[0]?.seq === firstKept - older.length;
    if (reaches) return [...older, ...log, ...renumber(others, count + 1)];
    return [...log, ...renumber(log.length >= historyMax ? others : lacking, count + 1)];
  }
  const rest = without(log, given);
  const older = rest.filter((entry) => samePast && isOlder(entry, given[0], firstGiven));
  const others = rest.filter((entry) => !older.includes(entry));
  return [...renumber(older, firstGiven - older.length), ...given, ...renumber(others, lastGiven + 1)];
}

/** Whoever has the same entry under the same number has the same past: others have joined the two already (G4). */
export function shareEntry(log: readonly LogEntry[], given: readonly LogEntry[]): boolean {
  const bySeq = new Map(log.map((entry) => [entry.seq, entry]));
  return given.some((entry) => {
    const there = bySeq.get(entry.seq);
    return there !== undefined && messageName(there) === messageName(entry) && there.body === entry.body;
  });
}

/** A lower number is older only where the time says so too: somebody who has lost more may have gone on from there. */
function isOlder(entry: LogEntry, first: LogEntry | undefined, firstSeq: number): boolean {
  return entry.seq < firstSeq && (first === undefined || timeOf(entry) <= timeOf(first));
}

function timeOf({ body }: LogEntry): number {
  return Number(/"timestamp":(\d+)\}$/.exec(body)?.[1] ?? 0);
}

function without(entries: readonly LogEntry[], known: readonly LogEntry[]): LogEntry[] {
  const names = new Set(known.map(messageName));
  return entries.filter((entry) => !names.has(messageName(entry)));
}

function renumber(entries: readonly LogEntry[], from: number): LogEntry[] {
  return entries.map((entry, index) => ({ ...entry, seq: from + index }));
}
