import { type ChatMessage, HoldfastClient, type WebSocketConstructor } from '@holdfast/client';
import { MemoryStorage, type SeededRandom } from '@holdfast/testkit';
import type { Histogram } from '../histogram.js';
import type { DeliverySettings } from './delivery-options.js';
import type { Journal } from './journal.js';
import { Track } from './track.js';
import type { ViolationKind, Violations } from './violations.js';
import { type SocketOwner, WatchedSocket } from './watched-socket.js';

/**
 * Ways in which a member loses its connection: the connection breaks; the client closes and comes back later; the
 * connection is closed and the client goes to the next gateway; the page is reloaded.
 */
export const DISCONNECTS = ['cut', 'close', 'switch', 'reload'] as const;

export type Disconnect = (typeof DISCONNECTS)[number];

/** Counters that all members of a check share. */
export interface Tally {
  readonly violations: Violations;
  readonly accepting: Histogram;
  readonly showing: Histogram;
  /** How many connections ended that the check did not end, by the reason that the client gives. */
  readonly interruptions: Map<string, number>;
  sent: number;
  accepted: number;
  rejected: number;
  shown: number;
  /** Messages that some member was shown as pending (V3). */
  pending: number;
  resets: number;
}

/** A member of a session: its client, and the track of what it was shown. */
export class Member {
  readonly track = new Track();
  readonly #settings: DeliverySettings;
  readonly #tally: Tally;
  readonly #random: SeededRandom;
  readonly #storage = new MemoryStorage();
  readonly #sockets = new Set<WatchedSocket>();
  /** Connections that the check ends. */
  readonly #endedByCheck = new WeakSet<WatchedSocket>();
  /** Index of the gateway for the next connection. */
  #gateway: number;
  #client: HoldfastClient;
  /** How many messages it has sent. */
  #sent = 0;
  /** Timer of its return. Absent: it is not away. */
  #returning: NodeJS.Timeout | undefined;
  /** Whether the check causes the event that the client is reporting. */
  #isProvoked = false;
  #wasOpen = false;

  constructor(
    readonly number: number,
    readonly journal: Journal,
    settings: DeliverySettings,
    tally: Tally,
    random: SeededRandom,
  ) {
    this.#settings = settings;
    this.#tally = tally;
    this.#random = random;
    this.#gateway = number % settings.gateways.length;
    this.#client = this.#newClient();
  }

  get isOpen(): boolean {
    return this.#client.state.kind === 'open';
  }

  /** Whether it has nothing left to send and was shown every accepted message. */
  get isSettled(): boolean {
    return this.isOpen && this.#client.outbox.length === 0 && this.track.newest >= this.journal.newestAccepted;
  }

  /** The state of its connection, in words. */
  get condition(): string {
    const { state } = this.#client;
    const reason = 'code' in state ? ` (${state.code} ${state.reason})` : '';
    if (!this.isOpen || this.isSettled) return `${state.kind}${reason}`;
    return `${state.kind}, ${this.#client.outbox.length > 0 ? 'with messages to send' : 'behind'}`;
  }

  connect(): void {
    this.#client.connect();
  }

  send(): string {
    const id = `${this.number.toString(36)}-${this.#sent.toString(36)}`;
    this.#sent += 1;
    this.journal.add(id, performance.now());
    this.#tally.sent += 1;
    this.#client.send(this.journal.contentOf(id), id);
    return id;
  }

  /** Loses its connection. @returns false if it has none */
  disconnect(how: Disconnect): boolean {
    if (!this.isOpen || this.#returning) return false;
    for (const socket of this.#sockets) this.#endedByCheck.add(socket);
    switch (how) {
      case 'cut':
        this.#terminate();
        break;
      case 'switch':
        this.#moveOn();
        for (const socket of this.#sockets) socket.close(1000);
        break;
      case 'close':
        this.#closeClient();
        this.#returnLater(() => this.#client.connect());
        break;
      case 'reload':
        // Like a browser tab that is killed: the server is not told, and nobody sees the client's events any more.
        this.#terminate();
        this.#closeClient();
        this.#returnLater(() => {
          this.track.reload();
          this.#client = this.#newClient();
          this.#client.connect();
        });
        break;
    }
    return true;
  }

  stop(): void {
    clearTimeout(this.#returning);
    this.#closeClient();
    this.#terminate();
  }

  #closeClient(): void {
    this.#isProvoked = true;
    this.#client.close();
    this.#isProvoked = false;
  }

  #returnLater(back: () => void): void {
    this.#returning = setTimeout(() => {
      this.#returning = undefined;
      back();
    }, this.#random.next() * this.#settings.awayMs);
  }

  #moveOn(): void {
    this.#gateway = (this.#gateway + 1) % this.#settings.gateways.length;
  }

  #terminate(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #newClient(): HoldfastClient {
    const { gateways, backoffBaseMs, backoffMaxMs, token } = this.#settings;
    const client = new HoldfastClient({
      url: gateways[0] ?? '',
      sessionId: this.journal.sessionId,
      redisPersistence: true,
      storage: this.#storage,
      keepPosition: true,
      // The check goes on sending during outages, and its client must not refuse any of that.
      outboxMax: Number.MAX_SAFE_INTEGER,
      backoffBaseMs,
      backoffMaxMs,
      token,
      random: this.#random.next,
      webSocket: this.#socketConstructor(),
    });
    // After a reload the events of the old page's client are ignored.
    const ifCurrent =
      <T>(listener: (value: T) => void) =>
      (value: T) => {
        if (client === this.#client) listener(value);
      };
    client.on(
      'welcome',
      ifCurrent(({ seq }) => {
        this.track.joinedAfter ??= seq;
      }),
    );
    client.on('message', ifCurrent(this.#shown));
    client.on('update', ifCurrent(this.#updated));
    client.on(
      'gap',
      ifCurrent(({ from, to }) => this.track.gap(from, to)),
    );
    client.on('reset', ifCurrent(this.#wasReset));
    client.on('accepted', ifCurrent(this.#accepted));
    client.on('rejected', ifCurrent(this.#rejected));
    client.on('drain', () => this.#moveOn());
    client.on(
      'state',
      ifCurrent((state) => {
        if ('code' in state && this.#wasOpen && !this.#isProvoked)
          this.#interrupted(`${state.code} ${state.reason}`.trim());
        this.#wasOpen = state.kind === 'open';
      }),
    );
    return client;
  }

  readonly #shown = ({ id, seq = 0, pending }: ChatMessage): void => {
    const index = this.#known(id);
    if (index === undefined) return;
    this.#tally.shown += 1;
    this.#tally.showing.record((performance.now() - (this.journal.messages[index]?.sentAt ?? 0)) * 1_000);
    this.track.message(index, seq);
    if (pending && this.journal.markPending(index)) this.#tally.pending += 1;
  };

  readonly #updated = ({ id, seq = 0 }: ChatMessage): void => {
    const index = this.#known(id);
    if (index !== undefined) this.track.update(index, seq);
  };

  readonly #wasReset = ({ from }: { from: number }): void => {
    this.#tally.resets += 1;
    this.track.reset(from);
  };

  readonly #accepted = ({ id, seq }: { id: string; seq?: number | undefined }): void => {
    const waited = this.journal.accept(id, seq ?? 0, performance.now());
    if (waited === undefined) return;
    this.#tally.accepted += 1;
    this.#tally.accepting.record(waited * 1_000);
  };

  readonly #rejected = ({ id, code, message }: { id: string; code: string; message: string }): void => {
    this.#tally.rejected += 1;
    this.journal.refuse(id, `${code}: ${message}`);
  };

  #known(id: string): number | undefined {
    const index = this.journal.indexOf(id);
    if (index === undefined) this.#violation('foreign', `was shown ${id}`);
    return index;
  }

  #interrupted(reason: string): void {
    // A load balancer does not try the lost gateway next either.
    this.#moveOn();
    const { interruptions } = this.#tally;
    interruptions.set(reason, (interruptions.get(reason) ?? 0) + 1);
  }

  #violation(kind: ViolationKind, detail: string): void {
    this.#tally.violations.add({ kind, sessionId: this.journal.sessionId, member: this.number, detail });
  }

  /** A constructor of sockets that connect to the gateway whose turn it is, whatever address the client has. */
  #socketConstructor(): WebSocketConstructor {
    const owner: SocketOwner = {
      report: (kind, detail) => this.#violation(kind, detail),
      opened: (socket) => this.#sockets.add(socket),
      ended: (socket, wasWelcomed) => {
        this.#sockets.delete(socket);
        if (!wasWelcomed) this.#moveOn();
        // The client gets the same event next, before any microtask.
        this.#isProvoked = this.#endedByCheck.has(socket);
        queueMicrotask(() => {
          this.#isProvoked = false;
        });
      },
    };
    const route = (url: string): string => {
      const { search } = new URL(url);
      const target = new URL(this.#settings.gateways[this.#gateway] ?? url);
      for (const [name, value] of new URLSearchParams(search)) target.searchParams.set(name, value);
      return target.href;
    };
    return class extends WatchedSocket {
      constructor(url: string, protocols: string[]) {
        super(route(url), protocols, owner);
      }
    };
  }
}
