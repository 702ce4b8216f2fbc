import type { HistogramSnapshot } from '../../histogram.js';
import type { Adapter } from '../adapter.js';
import type { MemberPlan } from './member.js';
import type { ReturnsReport } from './returns.js';

/** How the members of a process send. */
export type Load =
  /** Each sender sends its next message when the last one has come back. */
  | { readonly kind: 'closed'; readonly senders: readonly number[] }
  /**
   * Messages are due at a fixed rate, even if earlier ones have not come back. `offsetUs` shifts when, so that
   * processes do not send at the same instants.
   */
  | { readonly kind: 'open'; readonly perSecond: number; readonly offsetUs: number }
  | { readonly kind: 'none' };

/** A message from the benchmark to one of its load processes. */
export type ToWorker =
  | {
      readonly do: 'connect';
      readonly adapter: Adapter;
      readonly members: readonly MemberPlan[];
      readonly perSecond: number;
    }
  | { readonly do: 'load'; readonly load: Load }
  | { readonly do: 'count' }
  | { readonly do: 'count returns' }
  | { readonly do: 'churn'; readonly plan: ChurnPlan }
  | { readonly do: 'report churn' }
  | { readonly do: 'end churn' }
  | { readonly do: 'clear latencies' }
  | { readonly do: 'stop' };

export interface Counts {
  readonly sent: number;
  readonly acknowledged: number;
  readonly delivered: number;
}

/** The result of one member. */
export interface MemberReport {
  readonly number: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  /** It was not in its session all the time, so that it need not have every message. */
  readonly partly?: true;
  readonly problem?: string;
}

/** A message from a load process to the benchmark. */
export type FromWorker =
  | { readonly is: 'connected' }
  | { readonly is: 'failed'; readonly reason: string }
  | { readonly is: 'counts'; readonly counts: Counts; readonly latencies: HistogramSnapshot }
  | { readonly is: 'returns'; readonly report: ReturnsReport }
  | { readonly is: 'churned'; readonly report: ChurnReport }
  | { readonly is: 'churn ended' }
  | { readonly is: 'stopped'; readonly members: readonly MemberReport[] };

/** How members and sessions come and go in one process. */
export interface ChurnPlan {
  readonly adapter: Adapter;
  readonly host: string;
  readonly port: number;
  /** Prefix of its sessions' names. */
  readonly name: string;
  /** How many sessions there are at any time. */
  readonly sessions: number;
  /** How many members a session has room for. */
  readonly members: number;
  /** How long a member stays on average. */
  readonly memberSeconds: number;
  /** How long a session is used on average. */
  readonly sessionSeconds: number;
  /** Messages a second of all members of the process together. */
  readonly perSecond: number;
}

/** A session that is not used any more, with the results of all its members. */
export interface EndedSession {
  readonly session: string;
  readonly members: readonly MemberReport[];
}

export interface ChurnReport {
  /** Connections now. */
  readonly connected: number;
  /** Members that have joined since the beginning. */
  readonly joined: number;
  /** Messages sent since the beginning. */
  readonly sent: number;
  /** Sessions that have ended since the last report. */
  readonly ended: readonly EndedSession[];
}
