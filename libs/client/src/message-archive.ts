import { Alarm } from './alarm.js';
import type { ChatMessage } from './events.js';
import type { ClientStorage, Clock } from './options.js';

/** Messages kept of a session; a browser's storage has about five million characters for a whole site. */
const KEPT = 500;
/** How long changes are gathered before they are written. */
const WRITE_AFTER_MS = 250;

/** A session's messages in the browser's storage, for sessions that are not stored on the server. */
export class MessageArchive {
  readonly #storage: ClientStorage;
  readonly #key: string;
  readonly #alarm: Alarm;
  readonly #onError: (error: unknown) => void;
  #unwritten: (() => readonly ChatMessage[]) | undefined;

  /** @param onError called with what the storage throws (full, or not allowed) */
  constructor(storage: ClientStorage, key: string, clock: Clock, onError: (error: unknown) => void) {
    this.#storage = storage;
    this.#key = key;
    this.#alarm = new Alarm(clock);
    this.#onError = onError;
  }

  load(): ChatMessage[] {
    try {
      const kept: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '[]');
      return Array.isArray(kept) ? kept.filter(isMessage) : [];
    } catch (error) {
      this.#onError(error);
      return [];
    }
  }

  /** Writes the messages, as they are then, a little later. */
  save(messages: () => readonly ChatMessage[]): void {
    if (!this.#unwritten) this.#alarm.set(WRITE_AFTER_MS, () => this.flush());
    this.#unwritten = messages;
  }

  /** Writes now what has yet to be written. Call before the page goes. */
  flush(): void {
    this.#alarm.clear();
    const messages = this.#unwritten?.().filter(({ pending }) => !pending);
    this.#unwritten = undefined;
    if (!messages) return;
    try {
      this.#storage.setItem(this.#key, JSON.stringify(messages.slice(-KEPT)));
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
