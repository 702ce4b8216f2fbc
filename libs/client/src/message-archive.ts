import { type Clock, Timer } from './clock.js';
import type { ChatMessage } from './events.js';
import type { ClientStorage } from './options.js';

/** Messages stored of a session. A browser's storage holds about five million characters for a whole site. */
const MAX_STORED = 500;
/** How long after the first change the messages are written, together with the changes that follow it. */
const WRITE_AFTER_MS = 250;

/** A session's messages in the browser's storage, for sessions that are not stored on the server. */
export class MessageArchive {
  readonly #storage: ClientStorage;
  readonly #key: string;
  readonly #writeTimer: Timer;
  readonly #onError: (error: unknown) => void;
  #unwritten: (() => readonly ChatMessage[]) | undefined;

  /** @param onError called with what the storage throws (full, not allowed) and for content that cannot be read */
  constructor(storage: ClientStorage, key: string, clock: Clock, onError: (error: unknown) => void) {
    this.#storage = storage;
    this.#key = key;
    this.#writeTimer = new Timer(clock);
    this.#onError = onError;
  }

  load(): ChatMessage[] {
    try {
      const stored: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '[]');
      return Array.isArray(stored) ? stored.filter(isMessage) : [];
    } catch (error) {
      this.#onError(error);
      return [];
    }
  }

  /** Schedules a write. @param messages called when it is written */
  save(messages: () => readonly ChatMessage[]): void {
    if (!this.#unwritten) this.#writeTimer.set(WRITE_AFTER_MS, () => this.flush());
    this.#unwritten = messages;
  }

  /** Writes at once if a write is due. Call before the page is left. */
  flush(): void {
    this.#writeTimer.clear();
    const messages = this.#unwritten?.().filter(({ pending }) => !pending);
    this.#unwritten = undefined;
    if (!messages) return;
    try {
      this.#storage.setItem(this.#key, JSON.stringify(messages.slice(-MAX_STORED)));
    } catch (error) {
      this.#onError(error);
    }
  }
}

function isMessage(value: unknown): value is ChatMessage {
  const { id, content, sender, timestamp } = (value ?? {}) as Partial<ChatMessage>;
  return (
    typeof id === 'string' && typeof content === 'string' && typeof sender === 'string' && typeof timestamp === 'number'
  );
}
