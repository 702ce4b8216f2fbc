import type { FanOut } from '@holdfast/fan-out';
import type { Clock, Socket } from '@holdfast/gateway';
import type { SessionLog } from '@holdfast/session-store';

/**
 * A rule broken on purpose, for one run: what is given replaces a part at one of its seams. The audit has to catch it.
 */
export interface Mutation {
  /** What is broken, in a few words. */
  readonly name: string;
  /** The clause of storage.md or protocol.md. */
  readonly rule: string;
  /** The store as the server runs it. */
  readonly store?: (store: SessionLog) => SessionLog;
  /** The store as a gateway sees it. */
  readonly sessionLog?: (log: SessionLog) => SessionLog;
  readonly fanOut?: (fanOut: FanOut) => FanOut;
  readonly clock?: (clock: Clock) => Clock;
  readonly socket?: (socket: Socket) => Socket;
  /** Rewrites the query of an upgrade request. */
  readonly query?: (query: string) => string;
  /** Replaces methods of the parts themselves. @returns puts them back */
  readonly patch?: () => () => void;
}

/** Nothing is broken. */
export const SOUND: Mutation = { name: 'sound', rule: '' };
