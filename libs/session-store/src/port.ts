import type { Position } from '@holdfast/protocol';
import type { OutcomeUnknownError, SessionCorruptError, StorageUnavailableError } from './storage-errors.js';

/** The position of a room whose session has ended: the room takes the next epoch from its first message on (G3). */
export const NOWHERE: Position = { epoch: '', seq: 0, id: '' };

/** Custom session data: any JSON object. The session's own fields stand beside it, never in it. */
export type CustomData = Record<string, unknown>;

/**
 * What Redis keeps of a session under `session:ID` (K1). Times in Unix seconds with fraction, as in the original
 * guides.
 */
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
  /** Names one life of the session. Begins with Redis' time, so that epochs sort (G5). */
  readonly epoch: string;
}

/** A record with its id and the time it has left. */
export interface StoredSession extends SessionRecord {
  readonly sessionId: string;
  /** Milliseconds until Redis drops the session; −1 when the key has no expiry, which the sweeper repairs (W1). */
  readonly remainingMs: number;
}

/** One entry of a session's log (K2). */
export interface LogEntry {
  readonly seq: number;
  readonly id: string;
  /**
   * Identifies the sender when retries are looked for (A4): a hash of the token's `sub` or of the client's secret, or
   * `""`.
   */
  readonly senderKey: string;
  /**
   * The message frame of V2 from `"content":` to its closing brace. A framed member gets
   * `{"type":"message","seq":SEQ,"id":"ID",` followed by the body, byte for byte.
   */
  readonly body: string;
}

/** A message to be appended. */
export interface NewMessage {
  readonly id: string;
  readonly senderKey: string;
  /** The frame of V2 from `"content":` up to and including `"timestamp":`. The store adds its own time. */
  readonly head: string;
  /**
   * Set when an earlier attempt may have been stored (A4): the position of its sender at that attempt, or `anywhere`
   * when that position is not known.
   */
  readonly retry?: Position | 'anywhere';
}

export interface AppendRequest {
  /**
   * The appending room's position (G3). A sender that has delivered nothing has none, or one with an empty epoch: it is
   * never refused.
   */
  readonly position?: Position;
  readonly messages: readonly NewMessage[];
}

/** What became of one message of an append. */
export interface AppendedMessage {
  readonly seq: number;
  /** Whether an earlier attempt had stored it: then nothing was stored or published now (V4). */
  readonly duplicate: boolean;
  /** With `duplicate`: what is stored under the id has another content, and this message is stored nowhere. */
  readonly isConflict?: true;
}

export type AppendResult =
  | {
      readonly outcome: 'stored';
      readonly epoch: string;
      /** The session's own ttl, seconds. The session now expires that far away. */
      readonly ttl: number;
      /** Whether the append created the session. */
      readonly created: boolean;
      /**
       * Subscribers that the publish reached; 0 as well when every message was a duplicate, and −1 when the messages are
       * stored and Redis refused to publish them.
       */
      readonly subscribers: number;
      /** In the order of the request. */
      readonly messages: readonly AppendedMessage[];
      /** What was wrong with the stored session, when it had to be put into quarantine first (A6). */
      readonly quarantined?: string;
    }
  | {
      /** G3: the caller's position does not fit what Redis has. Nothing was stored. */
      readonly outcome: 'gone' | 'epoch' | 'behind' | 'forked';
      /** With `gone`: how the caller's epoch ended, if a tombstone tells. */
      readonly ended?: EpochEnd;
    };

/** How a tombstone says that an epoch has ended (G5, A6). */
export type EpochEnd = 'deleted' | 'quarantined';

export interface OpenOptions {
  /** The epoch that a member wants to go on with. */
  readonly resumeEpoch?: string;
  /**
   * The caller has delivered messages of this session. A session that is gone is then not created, so that it can be
   * healed (G2).
   */
  readonly known?: boolean;
}

export interface OpenResult {
  readonly session: StoredSession;
  readonly created: boolean;
  /** What was wrong with the stored session, when it had to be put into quarantine first (A6). */
  readonly quarantined?: string;
}

/** Session and log at one moment. */
export interface LogRead {
  /** Absent: there is no session. */
  readonly session?: StoredSession;
  /** Oldest kept number, 0 when the log is empty. */
  readonly firstSeq: number;
  readonly entries: readonly LogEntry[];
  /** Set when the log has entries behind the last of these. */
  readonly more?: true;
  /**
   * The newest number that was trimmed from the log, while the log has a large entry (K2): what is missing up to it is no
   * loss. Absent where none was; where the log has no large entry, it is trimmed by `MESSAGE_HISTORY_MAX` alone.
   */
  readonly trimmedSeq?: number;
  /** How the caller's epoch ended, if the session has another one and a tombstone tells. */
  readonly ended?: EpochEnd;
}

/** What one gateway has delivered of a session that Redis has lost in whole or in part (G2). */
export interface HealRequest {
  readonly position: Position;
  /** The session as the gateway last saw it, with the time it has left now. */
  readonly session: Pick<StoredSession, 'createdAt' | 'ttl' | 'custom' | 'remainingMs'>;
  /** Delivered messages without holes, oldest first; may be empty. */
  readonly entries: readonly LogEntry[];
}

export type HealResult =
  | { readonly outcome: 'healed'; readonly count: number; readonly firstSeq: number }
  | { readonly outcome: EpochEnd | 'epoch' | 'forked' | 'corrupt' };

/** The caller's side of two histories of one session that have to become one (G4). */
export interface ForkRequest {
  /** The epoch that the caller saw. The session must still have it. */
  readonly seenEpoch: string;
  /**
   * Whether both histories have one past: the log's entries below the caller's first one are older than that. Without
   * it, and without an entry in common, the session was created by a gateway that did not know the caller's session,
   * which lives on in it.
   */
  readonly samePast: boolean;
  /** The session as the caller last saw it. */
  readonly session: Pick<StoredSession, 'createdAt' | 'ttl' | 'custom'>;
  /** The newest number that the caller has delivered. New numbers follow it. */
  readonly seq: number;
  /**
   * The delivered messages that the caller still has, up to the newest, without holes, oldest first; may be empty.
   */
  readonly entries: readonly LogEntry[];
}

export type ForkResult =
  | { readonly outcome: 'forked'; readonly epoch: string }
  | { readonly outcome: 'gone' | 'epoch' | 'corrupt' };

/**
 * Which entries to read: upwards from a number (inclusive), or the newest ones. Both are returned oldest first. No read
 * is without a bound of bytes, so whoever wants all goes on as {@link LogRead.more} says.
 */
export type ReadRange = ({ readonly from: number; readonly limit: number } | { readonly newest: number }) & {
  /** Most bytes of entries, counted as K2 does. Default `HISTORY_READ_MAX_BYTES` (1 MiB). */
  readonly maxBytes?: number;
  /** Entries that are returned whatever their bytes, where there are as many. Default 1 (H4). */
  readonly least?: number;
};

/**
 * A session's log as gateways use it. Every method is one atomic step in the store. The steps of one session take
 * effect in the order of their calls as long as the connection lives.
 *
 * All methods reject with {@link StorageUnavailableError} when the store does not answer in time. Whether the step was
 * taken is then unknown. A method that writes rejects with {@link OutcomeUnknownError} when Redis failed in the middle of
 * it. Redis may also take a step and refuse to publish it: then the step is taken, and members elsewhere learn of it when
 * their rooms look into the log (F4).
 */
export interface SessionLog {
  /**
   * Loads the session, or creates it with count 0 (C5). Refreshes its expiry (T1) and removes `disconnected_at` (K1).
   *
   * @returns `gone` when the session is gone and the caller has said that it knows the session; `deleted` when the epoch
   *   to go on with was deleted and no other has come after it (G5)
   */
  open(sessionId: string, options?: OpenOptions): Promise<OpenResult | 'deleted' | 'gone'>;
  /**
   * Stores and publishes messages in one step (A1). Numbers, log order and publish order are one order: subscribers take
   * a number that does not follow on the one before for a loss (F2). The publish reaches subscribers at most once, so a
   * caller that must not miss a message reads it from the log.
   *
   * @returns `stored`, also when every message was a duplicate; otherwise nothing was stored, and the caller has to read
   *   before it tries again (G3)
   */
  append(sessionId: string, request: AppendRequest): Promise<AppendResult>;
  /** Reads session and log at one moment. Refreshes nothing. @param epoch the epoch that the caller knows */
  read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead>;
  /** Puts back what Redis has lost, and publishes it (G2). The expiry stays. */
  heal(sessionId: string, request: HealRequest): Promise<HealResult>;
  /**
   * Joins two histories under a new epoch and publishes the epoch (G4), if the session still has the one the caller
   * saw.
   */
  fork(sessionId: string, request: ForkRequest): Promise<ForkResult>;
  /**
   * Deletes a session again that came back with a deleted epoch, and puts its tombstone back (G5).
   *
   * @param epoch the deleted one
   * @param keepMs how long the tombstone is kept, milliseconds
   * @returns whether the session had come back
   */
  bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean>;
  /**
   * A member left: refreshes the expiry (T1), and sets `disconnected_at` when no gateway is subscribed any more (K1).
   */
  leave(sessionId: string): Promise<void>;
  /** A broadcast that {@link SessionDirectory.keepBroadcast} was given within the last minute (F8). @returns its JSON */
  broadcast(id: string): Promise<string | undefined>;
}

export interface SessionPage {
  readonly sessions: readonly StoredSession[];
  /** Opaque; `null` at the end. */
  readonly cursor: string | null;
}

/**
 * Sessions as operators and back ends use them. Methods reject as those of {@link SessionLog} do. They also reject with
 * {@link SessionCorruptError} when the session's JSON cannot be read, and with a RangeError that names the field when
 * custom data holds a reserved one.
 */
export interface SessionDirectory {
  /** Creates a session. @returns nothing when there is one already */
  create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined>;
  get(sessionId: string): Promise<StoredSession | undefined>;
  /**
   * Lists sessions in no particular order, page by page. A session that exists all the time is listed; it is listed
   * once if no session is created or dropped meanwhile. A page has at most `limit` sessions, and may have fewer with
   * more to come.
   *
   * @param options.prefix taken literally
   * @throws {RangeError} "invalid cursor" when no page can have returned that cursor
   */
  list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage>;
  /**
   * Merges fields into the custom data, field by field, in one step (A1). Refreshes nothing (T1).
   *
   * @param maxBytes most bytes of all custom data together, as a JSON object in UTF-8; absent or 0: any number
   * @returns nothing without a session
   * @throws {DataTooLargeError} and changes nothing
   */
  merge(sessionId: string, custom: CustomData, maxBytes?: number): Promise<StoredSession | undefined>;
  /** Sets ttl and expiry, and tells the members (V7). @param ttl seconds; absent: the session's own */
  extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined>;
  /** Deletes session and log, leaves a tombstone (G5), and tells the members (V7). @returns whether there was one */
  remove(sessionId: string): Promise<boolean>;
  /** Keeps a broadcast for a minute, so that gateways can tell it from one that somebody forged (F8). */
  keepBroadcast(id: string, json: string): Promise<void>;
  /**
   * Writes a session whole, as `store_session` of the original guides does: `count` counts only while the log is empty,
   * for afterwards the log is the count's source.
   */
  put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession>;
}
