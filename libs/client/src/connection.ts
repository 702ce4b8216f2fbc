import {
  type ClientFrame,
  type DrainFrame,
  OVERLOADED_CODE,
  RATE_CODE,
  type ServerFrame,
  shouldReconnect,
  UNAUTHORIZED_CODE,
  type WelcomeFrame,
} from '@holdfast/protocol';
import { backoffDelay } from './backoff.js';
import { Timer } from './clock.js';
import type { ConnectTarget } from './connect-target.js';
import type { ConnectionState, Move, State, StateKind } from './connection-state.js';
import { Link, type LinkHandler } from './link.js';
import type { Settings } from './options.js';

/** What a connection needs of the client above it. */
export interface ConnectionHost {
  /** Where to connect next, and which history to ask for. Called for each link, as late as possible. */
  target(): ConnectTarget | Promise<ConnectTarget>;
  /** @param isNewLink false when the gateway welcomes an open link once more, after an outage (D3) */
  welcomed(frame: WelcomeFrame, target: ConnectTarget, isNewLink: boolean): void;
  received(frame: ServerFrame): void;
  /** From now on {@link Connection.send} reaches the gateway. */
  writable(): void;
  /** Whether no send waits for its ack. */
  isSettled(): boolean;
  /** Whether the next connection may have another token. */
  canRenewToken(): boolean;
  changed(state: ConnectionState): void;
}

/** A connection that ends sooner than this after its welcome counts as one more failure. */
const STABLE_MS = 5_000;
/** How long a move waits for the acks of sends in flight (B3). */
const SETTLE_MS = 2_000;
/** How long the old link of an unstored session still delivers after a move. Such a session cannot be resumed. */
const LINGER_MS = 1_000;
/** After a close that says overloaded, the wait is that of this many failures: up to base · 2³. */
const FAILURES_WHEN_OVERLOADED = 3;

/** A state machine over links. {@link Connection.#become} is the one place that changes the state. */
export class Connection implements LinkHandler {
  #state: State = { kind: 'idle' };
  readonly #settings: Settings;
  readonly #host: ConnectionHost;
  /** Belongs to the present state: the next attempt, or the next step of a move. */
  readonly #stateTimer: Timer;
  /** Every link that may still be open. */
  readonly #links = new Set<Link>();
  /** The old link of an unstored session after a move, which still delivers until the timer ends it. */
  #leaving: Link | undefined;
  readonly #leavingTimer: Timer;
  /** Whether a connection was closed because of its token, and none has been stable since. */
  #isUnauthorized = false;

  constructor(settings: Settings, host: ConnectionHost) {
    this.#settings = settings;
    this.#host = host;
    this.#stateTimer = new Timer(settings.clock);
    this.#leavingTimer = new Timer(settings.clock);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isWritable(): boolean {
    const state = this.#state;
    return state.kind === 'open' && (state.move.phase === 'none' || state.move.phase === 'scheduled');
  }

  /** Connects at once, unless a connection is open or opening. */
  connect(): void {
    const state = this.#state;
    if (state.kind === 'connecting' || state.kind === 'open') return;
    const link = this.#newLink();
    const failures = state.kind === 'waiting' ? state.failures : 0;
    if (state.kind === 'closed') this.#isUnauthorized = false;
    this.#become(['idle', 'closed', 'waiting'], { kind: 'connecting', failures, link });
    link.open();
  }

  /** Call when the network may have changed. Connects at once, or checks with a ping that an open link is alive. */
  wake(): void {
    if (this.#state.kind === 'waiting') this.connect();
    else if (this.#state.kind === 'open') this.#state.link.probe();
  }

  close(): void {
    if (this.#state.kind === 'closed') return;
    this.#dropLinks();
    this.#become(['idle', 'connecting', 'open', 'waiting'], { kind: 'closed', code: 1000, reason: 'closed' });
  }

  /** Gives the open link up and resumes on another one. Called when a message is missing. */
  resync(reason: string): void {
    if (this.#state.kind === 'open') this.#lost(1000, reason, this.#failuresOf(this.#state));
  }

  send(frame: ClientFrame): void {
    if (this.#state.kind === 'open') this.#state.link.send(frame);
  }

  /** Call when the last ack has arrived: a move waits no longer. */
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
      // The old link serves until the gateway's deadline, so the next attempt may wait for the usual delay.
      this.#become(['open'], { ...state, failures: failures + 1 });
      this.#schedule(move.settleMs, backoffDelay(failures, this.#settings));
      this.#host.writable();
    }
  }

  #welcomed(link: Link, frame: WelcomeFrame): void {
    const state = this.#state;
    if (link === this.#leaving || (state.kind !== 'connecting' && state.kind !== 'open')) return;
    const old = state.kind === 'open' ? state.link : undefined;
    if (old === link) return this.#announceWelcome(link, frame, false);
    const openedAt = this.#settings.clock.monotonic();
    const { failures } = state;
    this.#become(['connecting', 'open'], { kind: 'open', failures, link, openedAt, move: { phase: 'none' } });
    if (frame.persistence === 'none' && old) {
      this.#leaving = old;
      this.#leavingTimer.set(LINGER_MS, () => this.#drop(old));
    }
    this.#announceWelcome(link, frame, true);
    if (old && this.#leaving !== old) this.#drop(old);
  }

  /** Each step may call listeners of the application, and a listener may close the connection. */
  #announceWelcome(link: Link, frame: WelcomeFrame, isNewLink: boolean): void {
    const isCurrent = () => this.#state.kind === 'open' && this.#state.link === link;
    if (isCurrent() && link.target) this.#host.welcomed(frame, link.target, isNewLink);
    if (isCurrent()) this.#host.writable();
  }

  #drain({ reconnectInMs, deadlineMs }: DrainFrame): void {
    if (this.#state.kind !== 'open' || this.#state.move.phase !== 'none') return;
    this.#schedule(Math.min(SETTLE_MS, deadlineMs - reconnectInMs), reconnectInMs);
  }

  #schedule(settleMs: number, inMs: number): void {
    this.#moveTo({ phase: 'scheduled', settleMs });
    this.#stateTimer.set(inMs, () => {
      this.#moveTo({ phase: 'settling', settleMs });
      if (this.#host.isSettled()) this.#openNext(settleMs);
      else this.#stateTimer.set(settleMs, () => this.#openNext(settleMs));
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
    // With a fresh token the server may let the client in again. Twice in a row it would go on for ever.
    const mayRenew = code === UNAUTHORIZED_CODE && !this.#isUnauthorized && this.#host.canRenewToken();
    this.#isUnauthorized ||= code === UNAUTHORIZED_CODE;
    if (!this.#settings.autoReconnect || !(shouldReconnect(code) || mayRenew)) {
      return this.#become(['connecting', 'open'], { kind: 'closed', code, reason });
    }
    const isOverloaded = code === OVERLOADED_CODE || code === RATE_CODE;
    const delay = backoffDelay(isOverloaded ? Math.max(failures, FAILURES_WHEN_OVERLOADED) : failures, this.#settings);
    const retryAt = this.#settings.clock.now() + delay;
    this.#become(['connecting', 'open'], { kind: 'waiting', failures: failures + 1, retryAt, code, reason });
    // A listener may have closed the connection, or connected, as soon as it heard of the change.
    if (this.#state.kind === 'waiting') this.#stateTimer.set(delay, () => this.connect());
  }

  #failuresOf(state: Extract<State, { kind: 'open' }>): number {
    const isStable = this.#settings.clock.monotonic() - state.openedAt >= STABLE_MS;
    if (isStable) this.#isUnauthorized = false;
    return isStable ? 0 : state.failures;
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
    this.#leavingTimer.clear();
  }

  #become(from: readonly StateKind[], next: State): void {
    const before = this.#state.kind;
    if (!from.includes(before)) throw new Error(`not from ${before} to ${next.kind}`);
    this.#stateTimer.clear();
    this.#state = next;
    if (next.kind !== before) this.#host.changed(next);
  }
}
