import type { LatencySummary } from '../histogram.js';
import type { Disconnect } from './member.js';
import { VIOLATIONS, type Violation, type ViolationKind } from './violations.js';

export interface DeliveryReport {
  /** Whether there is no violation, and at least one message was accepted. */
  readonly ok: boolean;
  readonly seed: number;
  readonly sessions: number;
  /** Members of all sessions together. */
  readonly members: number;
  readonly gateways: number;
  /** How many seconds messages were sent. */
  readonly seconds: number;
  readonly sent: number;
  readonly accepted: number;
  /** Messages refused for good. */
  readonly rejected: number;
  /** Messages shown to members, each once for every member. */
  readonly shown: number;
  /** Messages that some member was shown as pending (V3), each once. */
  readonly pending: number;
  readonly disconnects: Readonly<Record<Disconnect, number>>;
  /** How many connections ended that the check did not end, by the reason that the client gave. */
  readonly interruptions: Readonly<Record<string, number>>;
  /** How often a member was told that the history may differ from what it has seen (V7, R2). */
  readonly resets: number;
  /**
   * Milliseconds from `send` until the sender knew that its message was accepted, including time without a connection.
   */
  readonly accepting: LatencySummary;
  /** Milliseconds from `send` until a member was shown the message, for every member. */
  readonly showing: LatencySummary;
  readonly violations: Readonly<Partial<Record<ViolationKind, number>>>;
  /** The first violations of each kind. */
  readonly examples: readonly Violation[];
}

/** The report as text for people. */
export function formatReport(report: DeliveryReport): string {
  const { disconnects, interruptions, violations } = report;
  const lost = Object.entries(disconnects).map(([how, count]) => `${count} ${how}`);
  const lines = [
    `${report.sessions} sessions, ${report.members} members, addresses: ${report.gateways}, ` +
      `${report.seconds.toFixed(1)} s, seed ${report.seed}`,
    `sent ${report.sent}, accepted ${report.accepted}, refused ${report.rejected}, shown ${report.shown}`,
    `disconnects: ${lost.join(', ')}`,
    `accepted after ${formatLatencies(report.accepting)}`,
    `shown after    ${formatLatencies(report.showing)}`,
  ];
  for (const [reason, count] of Object.entries(interruptions))
    lines.push(`connections lost besides: ${count} (${reason})`);
  if (report.pending > 0) lines.push(`messages shown as pending first: ${report.pending}`);
  if (report.resets > 0) lines.push(`members told of a reset: ${report.resets}`);
  for (const [kind, count] of Object.entries(violations)) {
    lines.push(`VIOLATION ${kind}: ${count} (${VIOLATIONS[kind as ViolationKind]})`);
    for (const example of report.examples.filter((each) => each.kind === kind))
      lines.push(`  ${formatViolation(example)}`);
  }
  if (report.accepted === 0) lines.push('VIOLATION: nothing was accepted at all');
  lines.push(
    report.ok
      ? 'OK: every accepted message is in the history exactly once, and every member was shown the history in its order'
      : `FAILED; repeat with --seed ${report.seed}`,
  );
  return lines.join('\n');
}

function formatLatencies({ p50, p95, p99, max }: LatencySummary): string {
  return `${ms(p50)} (half), ${ms(p95)} (95 %), ${ms(p99)} (99 %), ${ms(max)} (longest)`;
}

function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

function formatViolation({ sessionId, member, detail }: Violation): string {
  return `${sessionId}${member === undefined ? '' : `, member ${member}`}: ${detail}`;
}
