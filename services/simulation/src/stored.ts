import type { LogEntry } from '@holdfast/session-store';

/** A message as it was stored and published. */
export interface Stored {
  readonly seq: number;
  readonly id: string;
  /** Sender and id, by which a message is recognised (A4). */
  readonly name: string;
  /** The content, which is different for every message of a run. */
  readonly content: string;
  /** The message's frame (V2). */
  readonly frame: string;
  /** What it counts in the log (K2). */
  readonly bytes: number;
  /** When it was stored for the first time, in virtual milliseconds. */
  readonly atMs: number;
}

/** What the store has of a session at one time. */
export interface StoreState {
  readonly epoch: string;
  readonly count: number;
  readonly log: readonly LogEntry[];
}

/** Why the content of the store has changed. */
export type Change = 'lost' | 'ended' | 'put back' | 'joined';
