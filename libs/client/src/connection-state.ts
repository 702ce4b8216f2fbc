import type { Link } from './link.js';

/** What the connection is doing, as applications see it. */
export type ConnectionState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' /** Failures in a row before this attempt. */; readonly failures: number }
  | { readonly kind: 'open' }
  | {
      readonly kind: 'waiting';
      readonly failures: number;
      /** Unix milliseconds of the next attempt. */
      readonly retryAt: number;
      /** Why the last connection ended: a close code, 1006 for one that broke. */
      readonly code: number;
      readonly reason: string;
    }
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string };

export type StateKind = ConnectionState['kind'];

/** The same states, with the fields that only the connection itself uses. */
export type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly failures: number; readonly link: Link }
  | {
      readonly kind: 'open';
      readonly failures: number;
      readonly link: Link;
      /** Monotonic milliseconds. */
      readonly openedAt: number;
      readonly move: Move;
    }
  | Extract<ConnectionState, { kind: 'waiting' | 'closed' }>;

/**
 * How far an open connection is in moving away from a draining gateway. The next link opens before this one closes (V8,
 * B3). `settleMs` is how long sends in flight may wait for their acks before the move.
 */
export type Move =
  | { readonly phase: 'none' }
  | { readonly phase: 'scheduled'; readonly settleMs: number }
  /** Nothing new is sent. Sends in flight wait for their acks. */
  | { readonly phase: 'settling'; readonly settleMs: number }
  /** The next link is opening. This one still delivers messages. */
  | { readonly phase: 'opening'; readonly settleMs: number; readonly next: Link };
