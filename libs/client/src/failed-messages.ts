import type { ClientStorage } from './options.js';
import type { RefusalCode } from './outbox.js';

/** A message of this client that was refused for good. */
export interface FailedMessage {
  readonly id: string;
  readonly content: string;
  /** When it failed, Unix milliseconds. */
  readonly at: number;
  readonly code: RefusalCode;
  /** Why, as a sentence. */
  readonly message: string;
}

/**
 * The messages of this client that were refused for good, until the user has sent them again or discarded them. In the
 * storage each has a key of its own, so that two tabs of one session never overwrite each other's.
 */
export class FailedMessages {
  readonly #storage: ClientStorage | undefined;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;
  readonly #messages = new Map<string, FailedMessage>();

  /**
   * @param prefix the beginning of every key
   * @param onError called with what the storage throws. The messages are then kept in memory only.
   */
  constructor(storage: ClientStorage | undefined, prefix: string, onError: (error: unknown) => void) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /** The oldest first. */
  list(): readonly FailedMessage[] {
    return [...this.#messages.values()].sort((a, b) => a.at - b.at);
  }

  /** Reads those of earlier pages and of other tabs. Those that another tab has removed are gone here too. */
  load(): void {
    this.#try((storage) => {
      const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '');
      const stored = keys.filter((key) => key.startsWith(this.#prefix)).map((key) => parse(storage.getItem(key)));
      for (const id of this.#stored) this.#messages.delete(id);
      this.#stored = new Set();
      for (const message of stored) {
        if (!message) continue;
        this.#messages.set(message.id, message);
        this.#stored.add(message.id);
      }
    });
  }

  add(message: FailedMessage): void {
    this.#messages.set(message.id, message);
    this.#try((storage) => {
      storage.setItem(this.#prefix + message.id, JSON.stringify(message));
      this.#stored.add(message.id);
    });
  }

  /** @returns the message, unless another tab has removed it before */
  remove(id: string): FailedMessage | undefined {
    this.load();
    const message = this.#messages.get(id);
    this.#messages.delete(id);
    this.#stored.delete(id);
    this.#try((storage) => storage.removeItem(this.#prefix + id));
    return message;
  }

  /** Ids of those that are in the storage, as far as this tab knows. */
  #stored = new Set<string>();

  #try(run: (storage: ClientStorage) => void): void {
    if (!this.#storage) return;
    try {
      run(this.#storage);
    } catch (error) {
      this.#onError(error);
    }
  }
}

function parse(text: string | null): FailedMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    // Somebody else's value: it stays where it is and is not shown.
    return undefined;
  }
  const { id, content, at, code, message } = (value ?? {}) as Partial<FailedMessage>;
  const isReadable =
    typeof id === 'string' && typeof content === 'string' && typeof code === 'string' && typeof message === 'string';
  return isReadable ? { id, content, at: Number.isFinite(at) ? Number(at) : 0, code, message } : undefined;
}
