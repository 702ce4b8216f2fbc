import type { BroadcastFrame, SessionFrame, StorageState, WelcomeFrame } from '@holdfast/protocol';
import { Alarm } from './alarm.js';
import { HoldfastClient } from './client.js';
import type { ConnectionState } from './connection-state.js';
import type { ChatMessage, ClientEvents } from './events.js';
import { fetchMessages } from './fetch-messages.js';
import { MessageArchive } from './message-archive.js';
import { MessageList } from './message-list.js';
import { type HoldfastClientOptions, systemClock } from './options.js';
import { browserStorage, onPageEvents } from './page.js';

export type ChatStatus = 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

/** Something that went wrong, in a sentence for the user. */
export interface ChatError {
  /** A code of V11, or `gap`, `closed`, `storage`, `outbox_full`, `session_deleted`, `fetch`. */
  readonly code: string;
  readonly message: string;
}

/** What is known of the session. Times to live in seconds. */
export type ChatSession = WelcomeFrame & {
  /** Unix milliseconds, by this machine's clock. Absent without persistence. */
  readonly expiresAt?: number;
};

/** What a chat page shows. A new object for each change, so that it can be compared by identity. */
export interface ChatSnapshot {
  readonly status: ChatStatus;
  /** Unix milliseconds of the next attempt to connect, while there is one to come. */
  readonly retryAt: number | undefined;
  /** In order; those of the outbox last, as pending. */
  readonly messages: readonly ChatMessage[];
  /** Older messages that are not among them any more. */
  readonly hidden: number;
  /** The session's count; without persistence the number of messages this client knows. */
  readonly count: number;
  /** Absent before the first connection. */
  readonly session: ChatSession | undefined;
  /** Whether the gateway has Redis (V6). */
  readonly storage: StorageState;
  /** The operator's newest broadcast that has not been dismissed (V9). */
  readonly broadcast: BroadcastFrame | undefined;
  readonly error: ChatError | undefined;
}

export interface ChatOptions extends HoldfastClientOptions {
  /** Whether to show earlier messages: of the server's history, or without persistence of this browser. */
  persistMessages?: boolean | undefined;
  /** Default `/chat/api`. */
  apiUrl?: string | undefined;
  /** Messages shown; beyond it the oldest go. Default 2000. */
  maxMessages?: number | undefined;
}

const DEFAULT_MAX_MESSAGES = 2_000;
/** Messages that arrive within this time are shown together: about one picture of a screen. */
const GATHER_MS = 16;
/** The same while they come in one after the other, as a history does: a page has to draw each change. */
const GATHER_MANY_MS = 100;

/** The state of one session's chat page, for any user interface library: listeners, and a snapshot that they read. */
export class ChatStore {
  readonly #options: ChatOptions;
  readonly #listeners = new Set<() => void>();
  readonly #list: MessageList;
  readonly #gathering: Alarm;
  readonly #archive: MessageArchive | undefined;
  #client: HoldfastClient | undefined;
  #stop: () => void = () => undefined;
  #isGathering = false;
  /** Monotonic milliseconds. */
  #gatheredAt = Number.NEGATIVE_INFINITY;
  #wasOpen = false;
  #snapshot: ChatSnapshot;

  /** Touches neither network nor storage, except to load what is archived. */
  constructor(options: ChatOptions) {
    const storage = options.persistMessages ? (options.storage ?? browserStorage()) : undefined;
    this.#options = { ...options, storage, history: options.persistMessages };
    this.#list = new MessageList(options.maxMessages ?? DEFAULT_MAX_MESSAGES);
    const clock = options.clock ?? systemClock;
    this.#gathering = new Alarm(clock);
    if (storage && options.sessionId !== undefined && !options.redisPersistence) {
      const key = `${options.storagePrefix ?? 'holdfast'}:${options.sessionId}:messages`;
      this.#archive = new MessageArchive(storage, key, clock, (error) => this.#fail('storage', String(error)));
    }
    this.#snapshot = {
      status: 'connecting',
      retryAt: undefined,
      messages: [],
      hidden: 0,
      count: 0,
      session: undefined,
      storage: 'redis',
      broadcast: undefined,
      error: undefined,
    };
    for (const message of this.#archive?.load() ?? []) this.#list.put(message);
    this.#update();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly snapshot = (): ChatSnapshot => this.#snapshot;

  /** Connects. @returns disconnects; what is not accepted is kept, and sent when it is started again */
  readonly start = (): (() => void) => {
    const client = this.#connected();
    this.#stop = onPageEvents({ wake: () => client.wake(), leave: () => this.#archive?.flush() });
    client.connect();
    return () => {
      this.#stop();
      this.#archive?.flush();
      client.close();
    };
  };

  readonly send = (content: string): void => {
    this.#connected().send(content);
  };

  /** Connects at once, out of the wait for the next attempt or after a close. */
  readonly reconnect = (): void => this.#connected().connect();

  /**
   * Reads the stored messages over HTTP and shows those that were missing.
   *
   * @returns how many are stored; nothing when they could not be had, which is an error of the snapshot
   */
  readonly refresh = async (): Promise<number | undefined> => {
    const { apiUrl = '/chat/api', token } = this.#options;
    const { sessionId, sender: mine } = this.#connected();
    try {
      const history = await fetchMessages(apiUrl, sessionId, typeof token === 'function' ? await token() : token);
      this.#list.merge(history.map((message) => ({ ...message, isSent: message.sender === mine, sessionId })));
      this.#update();
      return history.length;
    } catch (error) {
      this.#fail('fetch', String(error));
      return undefined;
    }
  };

  readonly clearError = (): void => this.#update({ error: undefined });

  readonly clearBroadcast = (): void => this.#update({ broadcast: undefined });

  #connected(): HoldfastClient {
    if (this.#client) return this.#client;
    const client = new HoldfastClient(this.#options);
    this.#client = client;
    client.on('state', (state) => this.#stateChanged(state));
    client.on('welcome', (frame) => this.#welcomed(frame));
    client.on('message', (message) => this.#received(message));
    client.on('update', (message) => this.#received(message));
    client.on('outbox', () => this.#update());
    client.on('reset', () => this.#list.reset());
    client.on('session', (frame) => this.#sessionChanged(frame));
    client.on('storage', (storage) => this.#update({ storage }));
    client.on('broadcast', (broadcast) => this.#update({ broadcast }));
    client.on('gap', ({ from, to }) => this.#fail('gap', `Messages ${from} to ${to} are no longer kept.`));
    client.on('refused', ({ code, message }) => this.#fail(code, message));
    client.on('rejected', ({ code, message }) => this.#fail(code, `Not sent: ${message}`));
    client.on('storageError', (error) => this.#fail('storage', String(error)));
    return client;
  }

  #stateChanged(state: ConnectionState): void {
    this.#wasOpen ||= state.kind === 'open';
    this.#update({
      status: statusOf(state, this.#wasOpen),
      retryAt: state.kind === 'waiting' ? state.retryAt : undefined,
    });
    if (state.kind === 'closed' && state.code !== 1000) {
      this.#fail('closed', `The connection was closed: ${state.reason || `code ${state.code}`}.`);
    }
  }

  #welcomed(frame: WelcomeFrame): void {
    this.#update({ session: frame });
    this.#expireIn(frame.remainingTtl);
  }

  #sessionChanged(frame: SessionFrame): void {
    const { session } = this.#snapshot;
    if (frame.event === 'extended' && session) this.#update({ session: { ...session, ttl: frame.ttl } });
    if (frame.event === 'extended') this.#expireIn(frame.ttl);
    if (frame.event === 'expiring') this.#expireIn(frame.remainingTtl);
    if (frame.event === 'expired') this.#expireIn(0);
  }

  #received(message: ClientEvents['message']): void {
    this.#list.put(message);
    this.#archive?.save(() => this.#list.messages());
    if (this.#isGathering) return;
    this.#isGathering = true;
    const { clock = systemClock } = this.#options;
    const isBusy = clock.monotonic() - this.#gatheredAt < GATHER_MANY_MS;
    this.#gathering.set(isBusy ? GATHER_MANY_MS : GATHER_MS, () => {
      this.#isGathering = false;
      this.#gatheredAt = clock.monotonic();
      // A stored message refreshes the session's time to live (T1).
      this.#expireIn(this.#snapshot.session?.ttl ?? null);
    });
  }

  #expireIn(seconds: number | null): void {
    const { session } = this.#snapshot;
    const { clock = systemClock } = this.#options;
    if (!session || seconds === null) return this.#update();
    this.#update({ session: { ...session, expiresAt: clock.now() + seconds * 1_000 } });
  }

  #fail(code: string, message: string): void {
    this.#update({ error: { code, message } });
  }

  #update(changes: Partial<ChatSnapshot> = {}): void {
    const shown = this.#list.messages();
    const known = new Set(shown.map(({ id }) => id));
    const client = this.#client;
    for (const { id, content, at } of client?.outbox ?? []) {
      if (known.has(id)) continue;
      const sessionId = client?.sessionId ?? '';
      shown.push({ id, content, sender: '', timestamp: at, pending: true, isSent: true, sessionId });
    }
    const count = client?.position?.seq ?? this.#list.size + this.#list.dropped;
    this.#snapshot = { ...this.#snapshot, messages: shown, hidden: this.#list.dropped, count, ...changes };
    for (const listener of [...this.#listeners]) listener();
  }
}

function statusOf(state: ConnectionState, wasOpen: boolean): ChatStatus {
  switch (state.kind) {
    case 'open':
      return 'connected';
    case 'closed':
      return 'disconnected';
    case 'waiting':
      return 'reconnecting';
    case 'idle':
    case 'connecting':
      return wasOpen ? 'reconnecting' : 'connecting';
  }
}
