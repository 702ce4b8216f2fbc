import type { SessionLog } from '@holdfast/session-store';
import type { Clock } from '../ports/clock.js';
import type { ShardHealth } from '../redis/shard-health.js';
import type { Audience } from './delivery/audience.js';
import type { DeliveredHistory } from './delivery/delivered-history.js';
import type { SyncReason } from './sync/sync.js';

/** What an expiry uses of its gateway. */
export interface ExpiryContext {
  readonly clock: Clock;
  readonly log: Pick<SessionLog, 'read'>;
  readonly shard: Pick<ShardHealth, 'away' | 'failed'>;
}

/** What an expiry has its room do. */
export interface ExpiringRoom {
  readonly delivered: DeliveredHistory;
  readonly audience: Pick<Audience, 'tellAll'>;
  readonly sync: { request(reason: SyncReason): void };
  /** The session has run out: forgets it and tells the members. */
  expired(): void;
}

/**
 * Knows when a room's session ends if nothing happens. The deadline is the last expiry that Redis confirmed, counted on
 * the monotonic clock (G5). Before members are told, Redis is asked, because another gateway may have refreshed the
 * expiry (T2).
 */
export class Expiry {
  readonly #room: ExpiringRoom;
  readonly #context: ExpiryContext;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #ttlMs = 0;
  #asking = false;
  #warned = false;

  constructor(room: ExpiringRoom, context: ExpiryContext) {
    this.#room = room;
    this.#context = context;
  }

  /** Seconds that the session lives after its last activity; 0 when not known. */
  get ttl(): number {
    return this.#ttlMs / 1000;
  }

  /** Seconds left, at least 0. */
  get remainingTtl(): number {
    return Math.max(0, Math.ceil((this.#deadlineMs - this.#context.clock.monotonic()) / 1000));
  }

  /** Milliseconds left, from 0 up to the session's own ttl. */
  get remainingMs(): number {
    return Math.max(0, Math.min(this.#deadlineMs - this.#context.clock.monotonic(), this.#ttlMs));
  }

  /** Whether the last confirmed expiry has passed. */
  get passed(): boolean {
    return this.#deadlineMs <= this.#context.clock.monotonic();
  }

  /**
   * Redis has told the time left.
   *
   * @param remainingMs milliseconds; negative when the key has no expiry, which the sweeper repairs (W1)
   * @param ttl the session's own, seconds
   * @param askedMs when Redis was asked, monotonic milliseconds; absent: now. The time counts from there, because the
   *   answer may have taken long, and what has expired meanwhile stays expired (G5)
   */
  confirmed(remainingMs: number, ttl: number, askedMs = this.#context.clock.monotonic()): void {
    this.#deadlineMs = remainingMs < 0 ? Number.POSITIVE_INFINITY : askedMs + remainingMs;
    this.#ttlMs = ttl * 1000;
    if (remainingMs < 0 || remainingMs > this.#warnBeforeMs) this.#warned = false;
  }

  /** A message was stored, here or by another gateway. */
  refreshed(): void {
    if (this.#ttlMs > 0) this.confirmed(this.#ttlMs, this.ttl);
  }

  /** The session has ended. */
  forget(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#ttlMs = 0;
    this.#warned = false;
  }

  /** Called about once a second, while there are members who would be told. */
  check(): void {
    const remainingMs = this.#deadlineMs - this.#context.clock.monotonic();
    const isDue = remainingMs <= 0 || (!this.#warned && remainingMs <= this.#warnBeforeMs);
    if (isDue && !this.#asking && !this.#context.shard.away) void this.#ask();
  }

  /** A tenth of the ttl or a minute, whichever is shorter (T2). */
  get #warnBeforeMs(): number {
    return Math.min(this.#ttlMs / 10, 60_000);
  }

  async #ask(): Promise<void> {
    const { delivered, sync } = this.#room;
    this.#asking = true;
    try {
      const askedMs = this.#context.clock.monotonic();
      const { epoch } = delivered.position ?? {};
      const { session, ended } = await this.#context.log.read(delivered.sessionId, { newest: 1 }, epoch);
      if (session && session.epoch !== delivered.position?.epoch) {
        sync.request('epoch');
      } else if (session) {
        this.confirmed(session.remainingMs, session.ttl, askedMs);
        this.#warn();
      } else if (ended !== undefined || !this.passed) {
        // A tombstone tells that it was deleted or put into quarantine; before the deadline Redis must have lost it.
        sync.request('gone');
      } else {
        this.#room.expired();
      }
    } catch (error) {
      this.#context.shard.failed(error);
    } finally {
      this.#asking = false;
    }
  }

  #warn(): void {
    const remainingMs = this.#deadlineMs - this.#context.clock.monotonic();
    if (this.#warned || remainingMs > this.#warnBeforeMs) return;
    this.#warned = true;
    this.#room.audience.tellAll({ type: 'session', event: 'expiring', remainingTtl: this.remainingTtl });
  }
}
