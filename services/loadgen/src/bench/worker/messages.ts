import type { Adapter } from '../adapter.js';
import type { MemberPlan } from './load-member.js';
import type { ReturnsReport } from './returns.js';

/** How members send. */
export type Load =
  /** Every sender keeps one message in flight. */
  | { readonly kind: 'closed'; readonly senders: readonly number[] }
  /** Messages are due at a fixed rate, whatever has become of the earlier ones. */
  | { readonly kind: 'open'; readonly perSecond: number; readonly offsetUs: number }
  | { readonly kind: 'none' };

/** What the bench tells a worker process. */
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

/** What became of one member. */
export interface MemberReport {
  readonly number: number;
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  /** It was not there all the time: it is not owed every message. */
  readonly partly?: true;
  readonly problem?: string;
}

/** What a worker process tells the bench. */
export type FromWorker =
  | { readonly is: 'opening'; readonly open: number }
  | { readonly is: 'connected' }
  | { readonly is: 'failed'; readonly reason: string }
  | { readonly is: 'counts'; readonly counts: Counts; readonly latencies: readonly number[] }
  | { readonly is: 'returns'; readonly report: ReturnsReport }
  | { readonly is: 'churned'; readonly report: ChurnReport }
  | { readonly is: 'churn ended' }
  | { readonly is: 'stopped'; readonly members: readonly MemberReport[] };

/** How members and sessions come and go in one process. */
export interface ChurnPlan {
  readonly adapter: Adapter;
  readonly host: string;
  readonly port: number;
  /** Begins the names of its sessions. */
  readonly name: string;
  /** Sessions at a time. */
  readonly sessions: number;
  /** Places in each. */
  readonly members: number;
  readonly memberSeconds: number;
  readonly sessionSeconds: number;
  readonly perSecond: number;
}

/** A session that nobody uses any more, with what became of everybody who was in it. */
export interface EndedSession {
  readonly session: string;
  readonly members: readonly MemberReport[];
}

export interface ChurnReport {
  /** Connections at this moment. */
  readonly connected: number;
  /** So far. */
  readonly joined: number;
  readonly sent: number;
  /** Since the last report. */
  readonly ended: readonly EndedSession[];
}
