import {
  type ClientFrame,
  type DrainFrame,
  OVERLOADED_CODE,
  RATE_CODE,
  type ServerFrame,
  shouldReconnect,
  type WelcomeFrame,
} from '@holdfast/protocol';
import { Alarm } from './alarm.js';
import { backoffDelay } from './backoff.js';
import type { ConnectionState, Move, State, StateKind } from './connection-state.js';
import { type Asked, Link, type LinkHandler, type Target } from './link.js';
import type { Settings } from './options.js';

/** What a connection needs of the client above it. */
export interface ConnectionHost {
  /** Where to connect next, and what to ask for. Called for each link, as late as possible. */
  target(): Target | Promise<Target>;
  /** @param isNewLink false when the gateway welcomes an open link once more, after an outage (D3) */
  welcomed(frame: WelcomeFrame, asked: Asked, isNewLink: boolean): void;
  received(frame: ServerFrame): void;
  /** Sends may go out (again). */
  writable(): void;
  /** Whether nothing that was sent waits for its ack. */
  isSettled(): boolean;
  changed(state: ConnectionState): void;
}

/** A connection that ends sooner than this after its welcome counts as one more failure. */
const STABLE_MS = 5_000;
/** How long a move waits for the acks of what was sent (operations B3). */
const SETTLE_MS = 2_000;
/** How long the old link of an unstored session is still listened to after a move: nothing could be resumed. */
const LINGER_MS = 1_000;
/** A gateway that says it has too much to do is first asked again after up to base · 2³. */
const FAILURES_WHEN_OVERLOADED = 3;

/** The connection's states; {@link Connection.#become} is the one place that changes them. */
export class Connection implements LinkHandler {
  #state: State = { kind: 'idle' };
  readonly #settings: Settings;
  readonly #host: ConnectionHost;
  /** Of the present state: the next attempt, or the next step of a move. */
  readonly #alarm: Alarm;
  /** Every link that may still be open. */
  readonly #links = new Set<Link>();
  #leaving: Link | undefined;
  readonly #lingering: Alarm;

  constructor(settings: Settings, host: ConnectionHost) {
    this.#settings = settings;
    this.#host = host;
    this.#alarm = new Alarm(settings.clock);
    this.#lingering = new Alarm(settings.clock);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isWritable(): boolean {
    const state = this.#state;
    return state.kind === 'open' && (state.move.phase === 'none' || state.move.phase === 'scheduled');
  }

  /** Connects now, unless it is connecting or open. */
  connect(): void {
    const state = this.#state;
    if (state.kind === 'connecting' || state.kind === 'open') return;
    const link = this.#newLink();
    const failures = state.kind === 'waiting' ? state.failures : 0;
    this.#become(['idle', 'closed', 'waiting'], { kind: 'connecting', failures, link });
    link.open();
  }

  /** Something suggests that the network has changed: connects at once, or asks an open link whether it lives. */
  wake(): void {
    if (this.#state.kind === 'waiting') this.connect();
    else if (this.#state.kind === 'open') this.#state.link.probe();
  }

  close(): void {
    if (this.#state.kind === 'closed') return;
    this.#dropLinks();
    this.#become(['idle', 'connecting', 'open', 'waiting'], { kind: 'closed', code: 1000, reason: 'closed' });
  }

  /** Gives the open link up and resumes on another one: something is missing. */
  resync(reason: string): void {
    if (this.#state.kind === 'open') this.#lost(1000, reason, this.#failuresOf(this.#state));
  }

  send(frame: ClientFrame): void {
    if (this.#state.kind === 'open') this.#state.link.send(frame);
  }

  /** The last ack has come: a move need not wait any longer. */
  settled(): void {
    if (this.#state.kind === 'open' && this.#state.move.phase === 'settling') this.#openNext(this.#state.move.settleMs);
  }

  received(link: Link, frame: ServerFrame): void {
    const state = this.#state;
    if (frame.type === 'welcome') return this.#welcomed(link, frame);
    if (state.kind === 'open' && link === state.link) {
      if (frame.type === 'drain') this.#drain(frame);
      this.#host.received(frame);
    } else if (link === this.#leaving && frame.type === 'message') this.#host.received(frame);
  }

  ended(link: Link, code: number, reason: string): void {
    const state = this.#state;
    this.#links.delete(link);
    if (state.kind === 'connecting' && link === state.link) return this.#lost(code, reason, state.failures);
    if (state.kind !== 'open') return;
    const { move, failures } = state;
    if (link === state.link) {
      if (move.phase !== 'opening') return this.#lost(code, reason, this.#failuresOf(state));
      this.#become(['open'], { kind: 'connecting', failures: 0, link: move.next });
    } else if (move.phase === 'opening' && link === move.next) {
      // Until the deadline the old link serves; the next try comes after the usual delay.
      this.#become(['open'], { ...state, failures: failures + 1 });
      this.#schedule(move.settleMs, backoffDelay(failures, this.#settings));
      this.#host.writable();
    }
  }

  #welcomed(link: Link, frame: WelcomeFrame): void {
    const state = this.#state;
    if (link === this.#leaving || (state.kind !== 'connecting' && state.kind !== 'open')) return;
    const old = state.kind === 'open' ? state.link : undefined;
    if (old === link) return this.#tellWelcome(link, frame, false);
    const openedAt = this.#settings.clock.monotonic();
    const { failures } = state;
    this.#become(['connecting', 'open'], { kind: 'open', failures, link, openedAt, move: { phase: 'none' } });
    if (frame.persistence === 'none' && old) {
      this.#leaving = old;
      this.#lingering.set(LINGER_MS, () => this.#drop(old));
    }
    this.#tellWelcome(link, frame, true);
    if (old && this.#leaving !== old) this.#drop(old);
  }

  /** Each step may call listeners, and a listener may close the connection. */
  #tellWelcome(link: Link, frame: WelcomeFrame, isNewLink: boolean): void {
    const isCurrent = () => this.#state.kind === 'open' && this.#state.link === link;
    if (isCurrent()) this.#host.welcomed(frame, link.asked, isNewLink);
    if (isCurrent()) this.#host.writable();
  }

  #drain({ reconnectInMs, deadlineMs }: DrainFrame): void {
    if (this.#state.kind !== 'open' || this.#state.move.phase !== 'none') return;
    this.#schedule(Math.min(SETTLE_MS, deadlineMs - reconnectInMs), reconnectInMs);
  }

  #schedule(settleMs: number, inMs: number): void {
    this.#moveTo({ phase: 'scheduled', settleMs });
    this.#alarm.set(inMs, () => {
      this.#moveTo({ phase: 'settling', settleMs });
      if (this.#host.isSettled()) this.#openNext(settleMs);
      else this.#alarm.set(settleMs, () => this.#openNext(settleMs));
    });
  }

  #openNext(settleMs: number): void {
    const next = this.#newLink();
    this.#moveTo({ phase: 'opening', settleMs, next });
    next.open();
  }

  #moveTo(move: Move): void {
    if (this.#state.kind === 'open') this.#become(['open'], { ...this.#state, move });
  }

  #lost(code: number, reason: string, failures: number): void {
    this.#dropLinks();
    if (!this.#settings.autoReconnect || !shouldReconnect(code)) {
      return this.#become(['connecting', 'open'], { kind: 'closed', code, reason });
    }
    const isOverloaded = code === OVERLOADED_CODE || code === RATE_CODE;
    const delay = backoffDelay(isOverloaded ? Math.max(failures, FAILURES_WHEN_OVERLOADED) : failures, this.#settings);
    const retryAt = this.#settings.clock.now() + delay;
    this.#become(['connecting', 'open'], { kind: 'waiting', failures: failures + 1, retryAt, code, reason });
    // A listener of the change may have closed or connected already.
    if (this.#state.kind === 'waiting') this.#alarm.set(delay, () => this.connect());
  }

  #failuresOf(state: Extract<State, { kind: 'open' }>): number {
    return this.#settings.clock.monotonic() - state.openedAt >= STABLE_MS ? 0 : state.failures;
  }

  #newLink(): Link {
    const link = new Link(this.#settings, this.#host.target, this);
    this.#links.add(link);
    return link;
  }

  #drop(link: Link): void {
    this.#links.delete(link);
    link.close();
  }

  #dropLinks(): void {
    for (const link of this.#links) this.#drop(link);
    this.#lingering.clear();
  }

  #become(from: readonly StateKind[], next: State): void {
    const before = this.#state.kind;
    if (!from.includes(before)) throw new Error(`not from ${before} to ${next.kind}`);
    this.#alarm.clear();
    this.#state = next;
    if (next.kind !== before) this.#host.changed(next);
  }
}
