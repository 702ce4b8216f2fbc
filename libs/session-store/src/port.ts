import type { Position } from '@holdfast/protocol';

/** The position of a room whose session has ended: the room takes the next epoch from its first message on (G3). */
export const NOWHERE: Position = { epoch: '', seq: 0, id: '' };

/** Custom session data: any JSON object. Reserved fields live beside it, never in it. */
export type CustomData = Record<string, unknown>;

/** What Redis keeps of a session under `session:ID` (K1). Times in Unix seconds with fraction, as in the original guides. */
export interface SessionRecord {
  /** Number of messages ever stored in this epoch; the newest message's `seq`. */
  readonly count: number;
  readonly lastActivity: number;
  /** Present while no member is connected anywhere. */
  readonly disconnectedAt?: number;
  readonly custom: CustomData;
  readonly createdAt: number;
  /** Seconds a session lives after its last activity (T1). */
  readonly ttl: number;
  /** Names one life of the session; begins with Redis' time, so epochs sort (G5). */
  readonly epoch: string;
}

/** A record with the time it has left. */
export interface StoredSession extends SessionRecord {
  readonly sessionId: string;
  /** Milliseconds until Redis drops the session; −1 when the key has no expiry (a fault the sweeper repairs). */
  readonly remainingMs: number;
}

/** One entry of a session's log (K2). */
export interface LogEntry {
  readonly seq: number;
  readonly id: string;
  /** Whom retries are matched by (A4): a hash of the token's `sub` or of the client's secret; `""` for nobody. */
  readonly senderKey: string;
  /**
   * The message frame of V2 from `"content":` to its closing brace: what a framed member gets is
   * `{"type":"message","seq":SEQ,"id":"ID",` followed by this, byte for byte.
   */
  readonly body: string;
}

/** A message to be appended. */
export interface NewMessage {
  readonly id: string;
  readonly senderKey: string;
  /** The frame of V2 from `"content":` up to and including `"timestamp":`; the store adds its own time (V2). */
  readonly head: string;
  /**
   * Set when an earlier attempt may have been stored (A4): the position its sender had then, or `anywhere` when it
   * is not known.
   */
  readonly retry?: Position | 'anywhere';
}

export interface AppendRequest {
  /**
   * The appending room's position; absent, or with an empty epoch, for a sender that has delivered nothing, which is
   * never refused (G3).
   */
  readonly position?: Position;
  readonly messages: readonly NewMessage[];
}

/** What became of one message of an append. */
export interface AppendedMessage {
  readonly seq: number;
  /** True when it had been stored before: nothing was stored or published now (V4). */
  readonly duplicate: boolean;
}

export type AppendResult =
  | {
      readonly outcome: 'stored';
      readonly epoch: string;
      /** The session's own ttl in seconds; its expiry is now that far away. */
      readonly ttl: number;
      /** The session did not exist before. */
      readonly created: boolean;
      /** Subscribers the publish had; 0 as well when every message was a duplicate. */
      readonly subscribers: number;
      /** In the order of the request. */
      readonly messages: readonly AppendedMessage[];
      /** Set when what was there had to be put into quarantine first (A6). */
      readonly quarantined?: string;
    }
  | {
      /** G3: the caller's position does not fit what Redis has. Nothing was stored. */
      readonly outcome: 'gone' | 'epoch' | 'behind' | 'forked';
      /** With `gone`: how the caller's epoch ended, when a tombstone tells. */
      readonly ended?: EpochEnd;
    };

/** How a tombstone says that an epoch has ended (G5, A6). */
export type EpochEnd = 'deleted' | 'quarantined';

export interface OpenOptions {
  /** The epoch a member wants to go on with. */
  readonly resumeEpoch?: string;
  /** The caller has delivered of this session: one that is gone is not made anew, so that it can be healed (G2). */
  readonly known?: boolean;
}

export interface OpenResult {
  readonly session: StoredSession;
  readonly created: boolean;
  /** Set when what was there had to be put into quarantine first (A6): what was wrong with it. */
  readonly quarantined?: string;
}

/** Session and log as one moment saw them. */
export interface LogRead {
  /** Absent: there is no session. */
  readonly session?: StoredSession;
  /** Oldest kept number, 0 when the log is empty. */
  readonly firstSeq: number;
  readonly entries: readonly LogEntry[];
  /** How the epoch that the caller knows ended, when it is not the session's and a tombstone tells. */
  readonly ended?: EpochEnd;
}

/** What one gateway has delivered of a session that Redis has lost, wholly or in part (G2). */
export interface HealRequest {
  readonly position: Position;
  /** The session as it was last seen, with the time it has left now. */
  readonly session: Pick<StoredSession, 'createdAt' | 'ttl' | 'custom' | 'remainingMs'>;
  /** Without holes, oldest first; may be empty. */
  readonly entries: readonly LogEntry[];
}

export type HealResult =
  | { readonly outcome: 'healed'; readonly count: number; readonly firstSeq: number }
  | { readonly outcome: EpochEnd | 'epoch' | 'forked' | 'corrupt' };

/** Two histories of one session that have to become one (G4). */
export interface ForkRequest {
  /** The epoch the caller saw: the session must still have it. */
  readonly seenEpoch: string;
  /**
   * Whether the log's entries below the caller's first one are older than it: both have one past. Otherwise, unless both
   * have an entry in common, the session was made by somebody who did not know of the caller's, which lives on in it.
   */
  readonly samePast: boolean;
  /** The session as the caller last saw it. */
  readonly session: Pick<StoredSession, 'createdAt' | 'ttl' | 'custom'>;
  /** The newest number that the caller has delivered: numbers go on after it. */
  readonly seq: number;
  /**
   * What the caller still has of what it has delivered: up to the newest, without holes, oldest first; may be empty.
   */
  readonly entries: readonly LogEntry[];
}

export type ForkResult =
  | { readonly outcome: 'forked'; readonly epoch: string }
  | { readonly outcome: 'gone' | 'epoch' | 'corrupt' };

/** Which entries to read: upwards from a number (inclusive), or the newest ones. Always answered oldest first. */
export type ReadRange = { readonly from: number; readonly limit: number } | { readonly newest: number };

/**
 * A session's log as gateways use it. Every method is one atomic step in the store; calls of one session take
 * effect in the order they were made as long as the connection lives.
 *
 * All methods reject with {@link StorageUnavailableError} when the store does not answer in time; whether the step
 * was taken is then unknown.
 */
export interface SessionLog {
  /**
   * Loads the session, or creates it with count 0 (C5); refreshes its expiry (T1); says it has members again (K1).
   *
   * @param options.resumeEpoch the epoch a member wants to go on with
   * @param options.known the caller has delivered of this session: if it is gone, it is not made anew but `gone` is
   *   answered, so that the caller heals it first (G2)
   * @returns `deleted` when the epoch to go on with was deleted and none has come after it (G5)
   */
  open(sessionId: string, options?: OpenOptions): Promise<OpenResult | 'deleted' | 'gone'>;
  /** Stores and publishes messages in one step: numbers, log order and publish order are one order (A1). */
  append(sessionId: string, request: AppendRequest): Promise<AppendResult>;
  /** Reads session and log of one moment. Refreshes nothing. @param epoch the one the caller knows */
  read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead>;
  /** Puts back what Redis has lost, and publishes it (G2). The expiry stays what it was. */
  heal(sessionId: string, request: HealRequest): Promise<HealResult>;
  /**
   * Joins two histories under a new epoch, if the session still has the one the caller saw, and publishes that (G4).
   */
  fork(sessionId: string, request: ForkRequest): Promise<ForkResult>;
  /**
   * Deletes a session again that came back with an epoch known to be deleted, and puts its tombstone back (G5).
   *
   * @param keepMs how long the tombstone is kept, milliseconds
   * @returns whether it had come back
   */
  bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean>;
  /** A member left: refreshes the expiry (T1); when no gateway is subscribed any more, notes `disconnected_at` (K1). */
  leave(sessionId: string): Promise<void>;
}

export interface SessionPage {
  readonly sessions: readonly StoredSession[];
  /** Opaque; `null` at the end. */
  readonly cursor: string | null;
}

/**
 * Sessions as operators and back ends use them. Rejects like {@link SessionLog}; a session whose JSON cannot be
 * read rejects with {@link SessionCorruptError}, custom data with a reserved field with a RangeError that names it.
 */
export interface SessionDirectory {
  /** @returns the new session, or nothing when one exists */
  create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined>;
  get(sessionId: string): Promise<StoredSession | undefined>;
  /**
   * Lists in no particular order: every session that is there all the time, and once as long as none is created or
   * dropped meanwhile. A page has at most `limit` sessions, and may have fewer with more to come.
   *
   * @param options.prefix taken literally
   * @throws {RangeError} "invalid cursor" when no page can have answered it
   */
  list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage>;
  /** Merges fields into the custom data, field by field; refreshes nothing (T1). @returns nothing when there is none */
  merge(sessionId: string, custom: CustomData): Promise<StoredSession | undefined>;
  /** Sets ttl and expiry, and tells the members (V7). @param ttl seconds; absent: the session's own again */
  extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined>;
  /** Deletes session and log, leaves a tombstone (G5), and tells the members (V7). @returns whether there was one */
  remove(sessionId: string): Promise<boolean>;
  /**
   * Writes a session whole, as `store_session` of the original guides does: `count` counts only while the log is empty, for
   * afterwards the log is the count's source.
   */
  put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession>;
}

/** The store did not answer in time, or is not connected. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError';
}

/** What is stored under the session's key is not a session. */
export class SessionCorruptError extends Error {
  override readonly name = 'SessionCorruptError';
  constructor(readonly sessionId: string) {
    super(`what is stored under session:${sessionId} cannot be read as a session`);
  }
}
