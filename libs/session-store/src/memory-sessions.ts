import { randomBytes } from 'node:crypto';
import { DEFAULT_SESSION_TTL } from '@holdfast/protocol';
import type { LogSize } from './log-bounds.js';
import type { CustomData, EpochEnd, LogEntry, SessionRecord, StoredSession } from './port.js';
import { newEpoch, renderCustom, type SessionState } from './session-json.js';

/** A session and its log in memory. */
export interface MemorySession {
  readonly state: { -readonly [Field in keyof SessionState]: SessionState[Field] };
  /** Oldest first. */
  log: LogEntry[];
  readonly size: LogSize;
  /** When the session expires, Unix milliseconds. */
  deadline: number;
}

export interface MemorySessionsOptions {
  /** Seconds a new session lives after its last activity (T1). Default 3600. */
  readonly defaultTtl?: number;
  /** Unix milliseconds. */
  readonly now?: () => number;
  /** Makes the random end of an epoch; 1 or more characters of C2. */
  readonly nonce?: () => string;
}

/** A session's tombstone (G5). */
interface Tombstone {
  readonly epoch: string;
  /** Unix milliseconds. */
  readonly deadline: number;
}

/** Everything that is stored at one moment. */
export interface MemorySnapshot {
  readonly sessions: ReadonlyMap<string, MemorySession>;
  readonly tombstones: ReadonlyMap<string, Tombstone>;
}

/** How long a broadcast is kept, as in Redis. */
const BROADCAST_MS = 60_000;
/** Least number of sessions and tombstones that makes a search for expired ones worth its time. */
const SWEEP_AT_LEAST = 1_000;

/** Sessions and tombstones in memory: what expiring keys are in Redis. An expired session is not found any more. */
export class MemorySessions {
  readonly defaultTtl: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly #nonce: () => string;
  readonly #sessions = new Map<string, MemorySession>();
  readonly #tombstones = new Map<string, Tombstone>();
  readonly #broadcasts = new Map<string, { readonly json: string; readonly deadline: number }>();
  /** Microseconds at which the newest epoch began: no two begin at the same time (G5). */
  #epochUs = 0;
  #sweepAt = SWEEP_AT_LEAST;

  constructor({ defaultTtl = DEFAULT_SESSION_TTL, now = Date.now, nonce = randomNonce }: MemorySessionsOptions) {
    this.defaultTtl = defaultTtl;
    this.now = now;
    this.#nonce = nonce;
  }

  /** Sessions and tombstones in memory, expired or not. */
  get size(): number {
    return this.#sessions.size + this.#tombstones.size;
  }

  find(sessionId: string): MemorySession | undefined {
    const session = this.#sessions.get(sessionId);
    if (session && session.deadline <= this.now()) {
      this.#sessions.delete(sessionId);
      return undefined;
    }
    return session;
  }

  /** Ids of all sessions in the order of their characters, expired ones included. */
  ids(): string[] {
    return [...this.#sessions.keys()].sort();
  }

  /** Creates a session without messages, in a new epoch. @throws {RangeError} when a custom field is reserved */
  create(sessionId: string, { custom, ttl }: { custom?: CustomData; ttl?: number } = {}): MemorySession {
    const now = this.now();
    const state = {
      count: 0,
      lastActivity: now / 1000,
      custom: storedCustom(custom ?? {}),
      createdAt: now / 1000,
      ttl: ttl ?? this.defaultTtl,
      epoch: this.newEpoch(this.deletedEpoch(sessionId)),
      retried: 0,
    };
    const session: MemorySession = { state, log: [], size: emptySize(), deadline: now + state.ttl * 1000 };
    this.set(sessionId, session);
    return session;
  }

  set(sessionId: string, session: MemorySession): void {
    this.#sessions.set(sessionId, session);
    if (this.size >= this.#sweepAt) this.#sweep();
  }

  /** Lets a session live for its own ttl from now on (T1). */
  refresh(session: MemorySession): void {
    session.deadline = this.now() + session.state.ttl * 1000;
  }

  /** Forgets a session without a tombstone. */
  drop(sessionId: string): void {
    this.#sessions.delete(sessionId);
  }

  /** Leaves a tombstone for a deleted epoch. */
  rememberDeleted(sessionId: string, epoch: string, keepMs: number): void {
    this.#tombstones.set(sessionId, { epoch, deadline: this.now() + keepMs });
  }

  /** The epoch that the session's tombstone names; nothing without a tombstone. */
  deletedEpoch(sessionId: string): string | undefined {
    const tombstone = this.#tombstones.get(sessionId);
    if (!tombstone) return undefined;
    if (tombstone.deadline > this.now()) return tombstone.epoch;
    this.#tombstones.delete(sessionId);
    return undefined;
  }

  /** How an epoch ended. Memory is never corrupt: only a deletion leaves a tombstone here. */
  endOf(sessionId: string, epoch: string | undefined): EpochEnd | undefined {
    return epoch && epoch <= (this.deletedEpoch(sessionId) ?? '') ? 'deleted' : undefined;
  }

  /** @param previous an epoch that the new one must sort behind */
  newEpoch(previous?: string): string {
    this.#epochUs = Math.max(this.now() * 1000, this.#epochUs + 1);
    return newEpoch(this.#epochUs, this.#nonce(), previous);
  }

  /** Keeps a broadcast for a minute (F8). */
  keepBroadcast(id: string, json: string): void {
    this.#broadcasts.set(id, { json, deadline: this.now() + BROADCAST_MS });
    for (const [old, { deadline }] of this.#broadcasts) if (deadline <= this.now()) this.#broadcasts.delete(old);
  }

  broadcast(id: string): string | undefined {
    const kept = this.#broadcasts.get(id);
    return kept && kept.deadline > this.now() ? kept.json : undefined;
  }

  /** A copy as the store answers it. */
  stored(sessionId: string, { state, deadline }: MemorySession): StoredSession {
    const { retried: _storeOnly, ...record }: SessionState & SessionRecord = state;
    return { ...record, custom: storedCustom(record.custom), sessionId, remainingMs: deadline - this.now() };
  }

  /** A copy of everything, for tests that lose data as Redis may. */
  snapshot(): MemorySnapshot {
    return { sessions: copiesOf(this.#sessions), tombstones: new Map(this.#tombstones) };
  }

  /** Goes back to a snapshot, or to nothing. */
  restore(snapshot?: MemorySnapshot): void {
    this.#sessions.clear();
    this.#tombstones.clear();
    for (const [sessionId, session] of copiesOf(snapshot?.sessions ?? new Map()))
      this.#sessions.set(sessionId, session);
    for (const [sessionId, tombstone] of snapshot?.tombstones ?? []) this.#tombstones.set(sessionId, tombstone);
  }

  /**
   * Drops what has expired (K5). The next sweep waits until as many have come as are left, so that each costs little.
   */
  #sweep(): void {
    const now = this.now();
    for (const kept of [this.#sessions, this.#tombstones]) {
      for (const [sessionId, { deadline }] of kept) if (deadline <= now) kept.delete(sessionId);
    }
    this.#sweepAt = Math.max(SWEEP_AT_LEAST, 2 * this.size);
  }
}

/** The size of a log without entries. */
export function emptySize(): LogSize {
  return { bytes: 0, largeSeq: 0, trimmedSeq: 0 };
}

/** Custom data as Redis would give it back. @throws {RangeError} when a field is reserved */
export function storedCustom(custom: CustomData): CustomData {
  return JSON.parse(`{${renderCustom(custom).slice(1)}}`) as CustomData;
}

function copiesOf(sessions: ReadonlyMap<string, MemorySession>): Map<string, MemorySession> {
  const copy = ({ state, log, size, deadline }: MemorySession) => ({
    state: { ...state },
    log: [...log],
    size: { ...size },
    deadline,
  });
  return new Map(Array.from(sessions, ([sessionId, session]) => [sessionId, copy(session)]));
}

function randomNonce(): string {
  return randomBytes(8).toString('hex');
}
