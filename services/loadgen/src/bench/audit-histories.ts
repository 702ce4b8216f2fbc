import { setTimeout as delay } from 'node:timers/promises';
import { HttpHistory } from '../delivery/history-reader.js';
import type { Adapter } from './adapter.js';
import type { LoadProcess } from './load-process.js';
import type { Running } from './targets.js';
import { readContent } from './worker/content.js';
import type { MemberPlan } from './worker/member.js';
import type { MemberReport } from './worker/messages.js';

export interface BenchAudit {
  /** How many messages the members have sent. */
  readonly messages: number;
  /** The first violations, in words; none when all is well. */
  readonly violations: readonly string[];
}

const SHOWN_MAX = 20;
/** How many histories are read at once. */
const PARALLEL = 8;
const ATTEMPTS = 10;
const PAUSE_MS = 2_000;

/**
 * Ends the load and audits its deliveries. On a busy machine some may still be under way: violations count only if they
 * are there in the last attempt.
 */
export async function auditAtRest(
  workers: readonly LoadProcess[],
  { history, adapter }: Running,
  plans: readonly MemberPlan[],
): Promise<BenchAudit | undefined> {
  for (let attempt = 1; ; attempt++) {
    const reports = (await Promise.all(workers.map((worker) => worker.stop()))).flat();
    const audit = await auditHistories(history, plans, reports, adapter);
    if (!audit || audit.violations.length === 0 || attempt === ATTEMPTS) return audit;
    await delay(PAUSE_MS);
  }
}

/**
 * Audits the deliveries of a load (the first promise of docs/design): each session's history holds every accepted
 * message once, and those of each sender in the order in which it sent them; every member was given all of them. If a
 * history was trimmed, its rest is audited; members with `checks` have checked the trimmed messages when they came.
 *
 * @param history address of the HTTP API; absent when the target stores nothing
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

/** @param kept the rest of the session's history, oldest first */
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
    // Without numbers most members only count, and do not look for their own messages.
    if (numbered && acknowledged > sent) found.push(`${who}: ${acknowledged} of its ${sent} messages came back`);
    if (!partly && received !== accepted) found.push(`${who}: received ${received} of ${accepted} messages`);
  }
  const newest = kept.at(-1)?.seq ?? 0;
  if (newest !== accepted) found.push(`${session}: ${accepted} messages were accepted, the newest stored is ${newest}`);
  // From the newest message to the oldest: each sender's counts go down from its number of messages.
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
