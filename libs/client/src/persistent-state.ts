import { isClientSecret, isSendId, isSeq, type Position } from '@holdfast/protocol';
import type { ClientStorage, Settings } from './options.js';
import type { OutboxEntry } from './outbox.js';

/**
 * What outlives the page, in the application's storage: the client secret, the position and the outbox. Each message of
 * the outbox has a key of its own, so that two tabs of one session never overwrite each other's messages.
 */
export class PersistentState {
  readonly #storage: ClientStorage | undefined;
  readonly #prefix: string;
  readonly #session: string;
  readonly #onError: (error: unknown) => void;

  /** @param onError called with what the storage throws (full, or not allowed). The client goes on without the storage. */
  constructor(
    { storage, storagePrefix, sessionId }: Pick<Settings, 'storage' | 'storagePrefix' | 'sessionId'>,
    onError: (error: unknown) => void,
  ) {
    this.#storage = storage;
    this.#prefix = storagePrefix;
    this.#session = `${storagePrefix}:${sessionId}`;
    this.#onError = onError;
  }

  /** The client secret of earlier pages. Without one, `makeOne` makes it and it is stored. */
  secret(makeOne: () => string): string {
    const stored = this.#read(`${this.#prefix}:client`);
    if (isClientSecret(stored)) return stored;
    const made = makeOne();
    this.#write(`${this.#prefix}:client`, made);
    return made;
  }

  get position(): Position | undefined {
    const stored = this.#read(`${this.#session}:position`) as Position | undefined;
    return isSeq(stored?.seq) ? stored : undefined;
  }

  set position(position: Position | undefined) {
    this.#write(`${this.#session}:position`, position);
  }

  /** Messages that earlier pages, or other tabs, have not seen accepted, the oldest first. Unreadable ones are left out. */
  outbox(): OutboxEntry[] {
    const found: OutboxEntry[] = [];
    this.#try(() => {
      const begin = `${this.#session}:out:`;
      for (let i = 0; i < (this.#storage?.length ?? 0); i++) {
        const key = this.#storage?.key(i);
        if (!key?.startsWith(begin)) continue;
        const entry = this.#read(key) as OutboxEntry | undefined;
        if (isSendId(entry?.id) && typeof entry.content === 'string') found.push(entry);
      }
    });
    return found.sort((a, b) => a.at - b.at);
  }

  save({ id, content, at, after }: OutboxEntry): void {
    this.#write(`${this.#session}:out:${id}`, { id, content, at, after });
  }

  forget(id: string): void {
    this.#write(`${this.#session}:out:${id}`, undefined);
  }

  #read(key: string): unknown {
    return this.#try(() => {
      const text = this.#storage?.getItem(key);
      return text ? (JSON.parse(text) as unknown) : undefined;
    });
  }

  #write(key: string, value: unknown): void {
    this.#try(() => {
      if (value === undefined) this.#storage?.removeItem(key);
      else this.#storage?.setItem(key, JSON.stringify(value));
    });
  }

  #try<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }
}
