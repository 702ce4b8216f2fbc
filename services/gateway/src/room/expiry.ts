import type { Position, ServerFrame } from '@holdfast/protocol';
import type { RoomContext } from '../shared/gateway-context.js';

/** What the expiry needs of its room. */
export interface ExpiringRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly sync: { request(reason: 'epoch' | 'gone'): void };
  readonly audience: { tellAll(frame: ServerFrame): void };
  expired(): void;
}

/**
 * When a room's session ends if nothing happens: the last expiry Redis confirmed, counted on the monotonic clock (G5).
 * Redis is asked before members are told, because another gateway may have refreshed it (T2).
 */
export class Expiry {
  readonly #room: ExpiringRoom;
  readonly #context: RoomContext;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #ttlMs = 0;
  #asking = false;
  #warned = false;

  constructor(room: ExpiringRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
  }

  /** Seconds the session lives after its last activity; 0 when not known. */
  get ttl(): number {
    return this.#ttlMs / 1000;
  }

  /** Seconds left, at least 0. */
  get remainingTtl(): number {
    return Math.max(0, Math.ceil((this.#deadlineMs - this.#context.clock.monotonic()) / 1000));
  }

  /** Milliseconds left, at least 0. */
  get remainingMs(): number {
    return Math.max(0, Math.min(this.#deadlineMs - this.#context.clock.monotonic(), this.#ttlMs));
  }

  /** Whether the last confirmed expiry lies behind. */
  get passed(): boolean {
    return this.#deadlineMs <= this.#context.clock.monotonic();
  }

  /**
   * Redis has told the time left.
   *
   * @param remainingMs milliseconds; negative when the key has no expiry, which is for the sweeper to repair (W1)
   * @param ttl the session's own, seconds
   * @param askedMs when Redis was asked, monotonic milliseconds: its answer may have taken long, and what has expired
   *   meanwhile stays expired (G5); absent: now
   */
  confirmed(remainingMs: number, ttl: number, askedMs = this.#context.clock.monotonic()): void {
    this.#deadlineMs = remainingMs < 0 ? Number.POSITIVE_INFINITY : askedMs + remainingMs;
    this.#ttlMs = ttl * 1000;
    if (remainingMs < 0 || remainingMs > this.#warnBeforeMs) this.#warned = false;
  }

  /** A message was stored, by whichever gateway. */
  refreshed(): void {
    if (this.#ttlMs > 0) this.confirmed(this.#ttlMs, this.ttl);
  }

  forget(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#ttlMs = 0;
    this.#warned = false;
  }

  /** Called about once a second. */
  check(): void {
    const remainingMs = this.#deadlineMs - this.#context.clock.monotonic();
    const due = remainingMs <= 0 || (!this.#warned && remainingMs <= this.#warnBeforeMs);
    if (due && !this.#asking && !this.#context.storage.away) void this.#ask();
  }

  /** A tenth of the ttl or a minute, whichever is smaller (T2). */
  get #warnBeforeMs(): number {
    return Math.min(this.#ttlMs / 10, 60_000);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    try {
      const { sessionId, position } = this.#room;
      const askedMs = this.#context.clock.monotonic();
      const { session, ended } = await this.#context.log.read(sessionId, { newest: 1 }, position?.epoch);
      if (session && session.epoch !== this.#room.position?.epoch) {
        this.#room.sync.request('epoch');
      } else if (session) {
        this.confirmed(session.remainingMs, session.ttl, askedMs);
        this.#warn();
      } else if (ended !== undefined || !this.passed) {
        // It ended in another way than by its time, or Redis has lost it.
        this.#room.sync.request('gone');
      } else {
        this.#room.expired();
      }
    } catch (error) {
      this.#context.storage.failed(error);
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
