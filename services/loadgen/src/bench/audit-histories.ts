import { HttpHistory } from '../delivery/http-history.js';
import type { Adapter } from './adapter.js';
import { readContent } from './worker/content.js';
import type { MemberPlan } from './worker/load-member.js';
import type { MemberReport } from './worker/messages.js';

export interface BenchAudit {
  /** Messages that were accepted. */
  readonly messages: number;
  readonly violations: readonly string[];
}

const SHOWN_MAX = 20;
const PARALLEL = 8;

/**
 * The delivery audit of a load (the first promise of docs/design): each session's history holds every accepted message
 * once, each sender's in the order it sent them, and every member was given each of them. Of a history that was trimmed
 * what is kept is compared; what was trimmed the members that check have checked as it came.
 *
 * @param history address of the HTTP API; absent: nothing was stored
 */
export async function auditHistories(
  history: string | undefined,
  plans: readonly Pick<MemberPlan, 'session' | 'number'>[],
  reports: readonly MemberReport[],
  adapter: Adapter,
): Promise<BenchAudit | undefined> {
  if (history === undefined) return undefined;
  const reader = new HttpHistory(history);
  const byNumber = new Map(reports.map((report) => [report.number, report]));
  const sessions = new Map<string, MemberReport[]>();
  for (const { session, number } of plans) {
    const report = byNumber.get(number);
    if (report) sessions.set(session, [...(sessions.get(session) ?? []), report]);
  }
  const violations: string[] = [];
  const waiting = [...sessions];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [session, members] = next;
      violations.push(...violationsOf(session, members, await reader.read(session, 0), adapter));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  const messages = reports.reduce((sum, { sent }) => sum + sent, 0);
  return { messages, violations: violations.slice(0, SHOWN_MAX) };
}

/** @param kept the session's history as it is kept, oldest first */
export function violationsOf(
  session: string,
  members: readonly MemberReport[],
  kept: readonly { readonly seq: number; readonly content: string }[],
  { numbered }: Pick<Adapter, 'numbered'>,
): string[] {
  const found: string[] = [];
  const accepted = members.reduce((sum, { sent }) => sum + sent, 0);
  for (const { number, sent, acknowledged, received, partly, problem } of members) {
    const who = `${session}, member ${number}`;
    if (problem !== undefined) found.push(`${who}: ${problem}`);
    // Members that only count have not looked for their own.
    if (numbered && acknowledged > sent) found.push(`${who}: ${acknowledged} of its ${sent} messages came back`);
    if (!partly && received !== accepted) found.push(`${who}: received ${received} of ${accepted} messages`);
  }
  const newest = kept.at(-1)?.seq ?? 0;
  if (newest !== accepted) found.push(`${session}: ${accepted} messages were accepted, the newest stored is ${newest}`);
  const counts = new Map(members.map(({ number, sent }) => [number, sent]));
  for (let at = kept.length - 1; at >= 0; at--) {
    const entry = kept[at];
    if (!entry) continue;
    if (entry.seq !== newest - (kept.length - 1 - at)) found.push(`${session}: number ${entry.seq} is out of order`);
    const { member, count } = readContent(entry.content);
    const due = counts.get(member);
    if (count !== due) found.push(`${session}, number ${entry.seq}: message ${count} of member ${member}, not ${due}`);
    counts.set(member, count - 1);
  }
  return found;
}
