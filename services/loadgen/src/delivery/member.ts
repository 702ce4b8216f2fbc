import { type ChatMessage, HoldfastClient, type WebSocketConstructor } from '@holdfast/client';
import type { SeededRandom } from '../seeded-random.js';
import type { DeliverySettings } from './delivery-options.js';
import type { Journal } from './journal.js';
import type { Latencies } from './latencies.js';
import { MemoryStorage } from './memory-storage.js';
import { Track } from './track.js';
import type { ViolationKind, Violations } from './violations.js';
import { type SocketOwner, WatchedSocket } from './watched-socket.js';

/** Ways in which a member loses its connection. */
export const DISCONNECTS = ['cut', 'close', 'switch', 'reload'] as const;

export type Disconnect = (typeof DISCONNECTS)[number];

/** What all members of a check count together. */
export interface Tally {
  readonly violations: Violations;
  readonly accepting: Latencies;
  readonly showing: Latencies;
  /** Connections that ended although nobody here had meant them to, by the reason that the client gives. */
  readonly interruptions: Map<string, number>;
  sent: number;
  accepted: number;
  rejected: number;
  shown: number;
  resets: number;
}

/** One member of one session: a client of its own, what it sends, and what it was shown. */
export class Member {
  readonly track = new Track();
  readonly #settings: DeliverySettings;
  readonly #tally: Tally;
  readonly #random: SeededRandom;
  readonly #storage = new MemoryStorage();
  readonly #sockets = new Set<WatchedSocket>();
  /** Connections that end because they are meant to. */
  readonly #given = new WeakSet<WatchedSocket>();
  /** Index of the gateway that the next connection goes to. */
  #gateway: number;
  #client: HoldfastClient;
  #made = 0;
  /** When it comes back by itself; absent: it is not away. */
  #returning: NodeJS.Timeout | undefined;
  /** Whether what is happening was meant to. */
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

  /** Whether it has nothing left to send, and everything that was accepted. */
  get isSettled(): boolean {
    return this.isOpen && this.#client.outbox.length === 0 && this.track.newest >= this.journal.newestAccepted;
  }

  /** What its connection is doing, in words. */
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
    const id = `${this.number.toString(36)}-${this.#made.toString(36)}`;
    this.#made += 1;
    this.journal.add(id, performance.now());
    this.#tally.sent += 1;
    this.#client.send(this.journal.contentOf(id), id);
    return id;
  }

  /** Loses its connection. @returns whether there was one to lose */
  disconnect(how: Disconnect): boolean {
    if (!this.isOpen || this.#returning) return false;
    for (const socket of this.#sockets) this.#given.add(socket);
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
        // As a tab that is killed: nothing is said to the server, and nobody hears of results any more.
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
      // A check sends on whatever happens; what it has sent must not be refused here.
      outboxMax: Number.MAX_SAFE_INTEGER,
      backoffBaseMs,
      backoffMaxMs,
      token,
      random: this.#random.next,
      webSocket: this.#socketConstructor(),
    });
    // A reloaded page hears nothing of what its predecessor had begun.
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

  readonly #shown = ({ id, seq = 0 }: ChatMessage): void => {
    const index = this.#known(id);
    if (index === undefined) return;
    this.#tally.shown += 1;
    this.#tally.showing.add(performance.now() - (this.journal.messages[index]?.sentAt ?? 0));
    this.track.message(index, seq);
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
    this.#tally.accepting.add(waited);
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
    // As a load balancer does: a gateway that was lost is not the next to be tried.
    this.#moveOn();
    const { interruptions } = this.#tally;
    interruptions.set(reason, (interruptions.get(reason) ?? 0) + 1);
  }

  #violation(kind: ViolationKind, detail: string): void {
    this.#tally.violations.add({ kind, sessionId: this.journal.sessionId, member: this.number, detail });
  }

  /** Connections go to the gateway that is this member's turn, whatever address its client knows. */
  #socketConstructor(): WebSocketConstructor {
    const owner: SocketOwner = {
      report: (kind, detail) => this.#violation(kind, detail),
      opened: (socket) => this.#sockets.add(socket),
      ended: (socket, wasWelcomed) => {
        this.#sockets.delete(socket);
        if (!wasWelcomed) this.#moveOn();
        // The client hears of the same event next.
        this.#isProvoked = this.#given.has(socket);
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
