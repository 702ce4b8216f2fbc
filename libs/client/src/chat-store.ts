import { SESSION_DELETED_CODE, type SessionFrame, UNAUTHORIZED_CODE, type WelcomeFrame } from '@holdfast/protocol';
import { browserStorage, isInPage, onPageEvents } from './browser.js';
import { type ChatSnapshot, historyStart, initialSnapshot, statusOf, withExpiry } from './chat-snapshot.js';
import { HoldfastClient } from './client.js';
import { systemClock, Timer } from './clock.js';
import type { ConnectionState } from './connection-state.js';
import type { ClientEvents } from './events.js';
import { type FailedMessage, FailedMessages } from './failed-messages.js';
import { fetchMessages, type StoredMessage } from './fetch-messages.js';
import { MessageArchive } from './message-archive.js';
import { MessageList } from './message-list.js';
import type { HoldfastClientOptions } from './options.js';
import { tokenOf, whyRefused } from './refusal.js';
import { type StorageProblem, storageProblemOf, storageSentence } from './storage-problem.js';

export interface ChatOptions extends HoldfastClientOptions {
  /** Whether to show earlier messages: those of the server, or without persistence those stored in this browser. */
  persistMessages?: boolean | undefined;
  /** Where the HTTP API is. Default `/chat/api`. */
  apiUrl?: string | undefined;
  /** Messages shown. Beyond it the oldest are dropped. Default 2000. */
  maxMessages?: number | undefined;
}

const DEFAULT_API_URL = '/chat/api';
const DEFAULT_MAX_MESSAGES = 2_000;
/** Errors that an open connection has proved wrong. */
const NOT_LET_IN: readonly unknown[] = ['closed', 'unauthorized', 'forbidden'];
/** Messages that arrive within this time are shown in one update. It is about one frame of a screen. */
const BATCH_MS = 16;
/** The same while updates follow each other, as during a history, because the page draws each of them. */
const BUSY_BATCH_MS = 100;

/** The state of one session's chat page, for any user interface library: subscribe, and read the snapshot. */
export class ChatStore {
  readonly #options: ChatOptions;
  readonly #listeners = new Set<() => void>();
  readonly #list: MessageList;
  readonly #batchTimer: Timer;
  readonly #archive: MessageArchive | undefined;
  readonly #failed: FailedMessages;
  /** The beginning of this session's keys in the storage. */
  readonly #key: string;
  #client: HoldfastClient | undefined;
  #stopPageEvents: () => void = () => undefined;
  #isBatching = false;
  /** When the last batch was shown, monotonic milliseconds. */
  #batchedAt = Number.NEGATIVE_INFINITY;
  #wasOpen = false;
  /** Whether the session was deleted, and no connection has been open since. */
  #isDeleted = false;
  /** The problem with the storage that the user was told of last. */
  #toldProblem: StorageProblem | undefined;
  #snapshot: ChatSnapshot;

  /** Loads the archived messages. Uses neither the network nor the storage otherwise. */
  constructor(options: ChatOptions) {
    const storage = options.persistMessages ? (options.storage ?? browserStorage()) : undefined;
    this.#options = { ...options, storage, history: options.persistMessages };
    this.#list = new MessageList(options.maxMessages ?? DEFAULT_MAX_MESSAGES);
    const clock = options.clock ?? systemClock;
    this.#batchTimer = new Timer(clock);
    this.#key = `${options.storagePrefix ?? 'holdfast'}:${options.sessionId}:`;
    const isNamed = options.sessionId !== undefined;
    this.#failed = new FailedMessages(isNamed ? storage : undefined, `${this.#key}failed:`, (error) =>
      this.#storageFailed(error),
    );
    this.#snapshot = initialSnapshot({ gaps: this.#list.gaps, keepsUnsent: storage !== undefined });
    if (storage && isNamed && !options.redisPersistence) {
      this.#archive = new MessageArchive(storage, `${this.#key}messages`, clock, this.#list, (problem) =>
        this.#tell(problem),
      );
    }
    if (options.persistMessages && !storage && isInPage()) this.#tell('denied');
    this.#readStorage();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly snapshot = (): ChatSnapshot => this.#snapshot;

  /** Connects. @returns disconnects; messages that are not accepted are kept, and sent after the next start */
  readonly start = (): (() => void) => {
    const client = this.#ensureClient();
    this.#stopPageEvents = onPageEvents({
      wake: () => client.wake(),
      leave: () => this.#archive?.flush(),
      stored: (key) => void ((key === null || key.startsWith(this.#key)) && this.#readStorage()),
    });
    client.connect();
    return () => {
      this.#stopPageEvents();
      this.#archive?.flush();
      client.close();
    };
  };

  readonly send = (content: string): void => {
    this.#ensureClient().send(content);
  };

  /** Sends a failed message again, as a new one. */
  readonly resend = (id: string): void => {
    const failed = this.discard(id);
    if (failed) this.send(failed.content);
  };

  /** @returns the failed message, unless another tab has sent or discarded it before */
  readonly discard = (id: string): FailedMessage | undefined => {
    const failed = this.#failed.remove(id);
    const { error } = this.#snapshot;
    this.#update({ error: error?.code === failed?.code ? undefined : error });
    return failed;
  };

  /** Connects at once, during the wait for the next attempt and after a close. */
  readonly reconnect = (): void => this.#ensureClient().connect();

  /**
   * Reads the stored messages over HTTP and shows those that were missing.
   *
   * @returns the number of messages read; nothing when the request failed, and then the snapshot has the error
   */
  readonly refresh = async (): Promise<number | undefined> => {
    const { apiUrl = DEFAULT_API_URL, token } = this.#options;
    const { sessionId, sender: mine } = this.#ensureClient();
    try {
      let history: StoredMessage[];
      let generation: number;
      do {
        generation = this.#list.generation;
        history = await fetchMessages(apiUrl, sessionId, await tokenOf(token));
        // When the numbers have begun anew meanwhile, the pages are parts of two histories.
      } while (generation !== this.#list.generation);
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

  #ensureClient(): HoldfastClient {
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
    client.on('gap', (gap) => {
      this.#list.gap(gap);
      this.#fail('gap', `Messages ${gap.from} to ${gap.to} are no longer kept.`);
    });
    client.on('refused', ({ id, code, message }) => {
      // For a message that was refused for good, `rejected` has come before.
      if (!this.#failed.list().some((failed) => failed.id === id)) this.#fail(code, message);
    });
    client.on('rejected', ({ id, content, code, message }) => {
      this.#failed.add({ id, content, at: (this.#options.clock ?? systemClock).now(), code, message });
      this.#fail(code, `Not sent: ${message}`);
    });
    client.on('storageError', (error) => this.#storageFailed(error));
    return client;
  }

  #stateChanged(state: ConnectionState): void {
    // A connection that was open says itself why it ended.
    if (state.kind === 'waiting' && this.#snapshot.status !== 'connected') void this.#findRefusal();
    if (state.kind === 'open') this.#opened();
    this.#update({
      status: statusOf(state, this.#wasOpen),
      retryAt: state.kind === 'waiting' ? state.retryAt : undefined,
    });
    if (state.kind === 'closed' && state.code !== 1000) {
      this.#isDeleted ||= state.code === SESSION_DELETED_CODE;
      const code = state.code === UNAUTHORIZED_CODE ? 'unauthorized' : 'closed';
      this.#fail(code, `The connection was closed: ${state.reason || `code ${state.code}`}.`);
    }
  }

  /** A connection has not opened. That a token is not good enough does not pass by itself, so the user is told. */
  async #findRefusal(): Promise<void> {
    const { apiUrl = DEFAULT_API_URL, token } = this.#options;
    if (token === undefined && this.#wasOpen) return;
    const refusal = await whyRefused(apiUrl, this.#ensureClient().sessionId, token);
    if (refusal && /connecting/.test(this.#snapshot.status)) this.#fail(refusal.code, refusal.message);
  }

  #opened(): void {
    this.#wasOpen = true;
    if (NOT_LET_IN.includes(this.#snapshot.error?.code)) this.clearError();
    if (!this.#isDeleted) return;
    // The session of the same id that begins now has nothing to do with the deleted one.
    this.#isDeleted = false;
    this.#list.clear();
    this.#archive?.clear();
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
    if (frame.event === 'expired' && session) {
      this.#list.reset();
      this.#update({ session: { ...session, ttl: null } });
      this.#expireIn(0);
    }
  }

  #received(message: ClientEvents['message']): void {
    this.#list.put(message);
    this.#archive?.save();
    if (this.#isBatching) return;
    this.#isBatching = true;
    const { clock = systemClock } = this.#options;
    const isBusy = clock.monotonic() - this.#batchedAt < BUSY_BATCH_MS;
    this.#batchTimer.set(isBusy ? BUSY_BATCH_MS : BATCH_MS, () => {
      this.#isBatching = false;
      this.#batchedAt = clock.monotonic();
      // A stored message refreshes the session's time to live (T1).
      this.#expireIn(this.#snapshot.session?.ttl ?? null);
    });
  }

  /** @param seconds null: it is not known when the session expires */
  #expireIn(seconds: number | null): void {
    const { clock = systemClock } = this.#options;
    this.#update({ session: withExpiry(this.#snapshot.session, seconds, clock.now()) });
  }

  /** Takes over what earlier pages and other tabs have stored. */
  #readStorage(): void {
    this.#failed.load();
    this.#list.adopt(this.#archive?.load() ?? []);
    this.#update();
  }

  /** @param error what the storage has thrown at something that is to outlive the page */
  #storageFailed(error: unknown): void {
    this.#update({ keepsUnsent: false });
    this.#tell(storageProblemOf(error));
  }

  /** Tells the user of a problem once, however often the storage is tried again. Undefined: the storage works. */
  #tell(problem: StorageProblem | undefined): void {
    const isNew = problem !== this.#toldProblem;
    this.#toldProblem = problem;
    if (problem === 'denied') this.#update({ keepsUnsent: false });
    // With the session deleted, nobody expects its messages to be kept.
    if (problem && isNew && !(problem === 'removed' && this.#isDeleted))
      this.#fail('storage', storageSentence(problem, this.#options.redisPersistence === true));
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
    this.#snapshot = { ...this.#snapshot, ...changes };
    this.#snapshot = {
      ...this.#snapshot,
      messages: shown,
      failed: this.#failed.list(),
      hidden: this.#list.dropped,
      gaps: this.#list.gaps,
      start: historyStart(this.#options, shown, this.#snapshot.session, this.#archive?.wasTrimmed),
      count,
    };
    for (const listener of [...this.#listeners]) listener();
  }
}
