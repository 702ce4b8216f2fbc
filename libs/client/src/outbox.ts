import type { ErrorCode, Position, SendFrame } from '@holdfast/protocol';

/**
 * How a send ended. An accepted message has no `seq` without persistence. The code `closed` means that the client was
 * closed first: the message may have arrived, stays in the outbox, and is sent again after the next `connect`.
 */
export type SendResult =
  | { readonly ok: true; readonly id: string; readonly seq?: number | undefined }
  | { readonly ok: false; readonly id: string; readonly code: RefusalCode; readonly message: string };

export type RefusalCode = ErrorCode | 'outbox_full' | 'session_deleted' | 'closed';

/** A message that is not accepted yet. */
export interface OutboxEntry {
  readonly id: string;
  readonly content: string;
  /** When it was given to `send`, Unix milliseconds. */
  readonly at: number;
  /** The position at the first send (V20). */
  readonly after?: Position | undefined;
}

interface Entry extends OutboxEntry {
  after?: Position | undefined;
  /** `sent`: in flight. `pending`: the gateway keeps it until Redis is back (V3). */
  state: 'queued' | 'sent' | 'pending';
  /** Whether an earlier send may have arrived. */
  isUncertain: boolean;
  /** Heartbeats since it was sent. */
  age: number;
  resolve?: (result: SendResult) => void;
}

/** Most sends in flight: enough to fill a fast link, and few to be refused when a limit is reached. */
const WINDOW = 32;
/** In heartbeats. A gateway answers a send within a second or two, if only with a pending message while Redis is away. */
const OVERDUE_AGE = 3;

/** The messages of this client that are not accepted yet, in the order they were given to `send`. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  #inFlight = 0;
  #window = WINDOW;

  get size(): number {
    return this.#entries.size;
  }

  /** Sends whose answer may arrive at any moment. */
  get inFlight(): number {
    return this.#inFlight;
  }

  entries(): OutboxEntry[] {
    return [...this.#entries.values()];
  }

  get(id: string): OutboxEntry | undefined {
    return this.#entries.get(id);
  }

  add(entry: OutboxEntry, resolve: (result: SendResult) => void): void {
    this.#entries.set(entry.id, { ...entry, state: 'queued', isUncertain: false, age: 0, resolve });
  }

  /** Adds a message that an earlier page stored. That page, or another tab, may have sent it. */
  restore(entry: OutboxEntry): void {
    this.#entries.set(entry.id, { ...entry, state: 'queued', isUncertain: true, age: 0 });
  }

  /**
   * Sends the queued messages, the oldest first, as far as the window allows.
   *
   * @param position goes along with a first send and is repeated with its retries
   * @param isSendable false: the entry can never be sent, and the callback has ended it
   */
  flush(
    position: Position | undefined,
    isSendable: (entry: OutboxEntry) => boolean,
    send: (frame: SendFrame, entry: OutboxEntry) => void,
  ): void {
    for (const entry of this.#entries.values()) {
      if (this.#inFlight >= this.#window) return;
      if (entry.state !== 'queued' || !isSendable(entry)) continue;
      entry.state = 'sent';
      entry.age = 0;
      this.#inFlight += 1;
      const frame: SendFrame = { type: 'send', id: entry.id, content: entry.content };
      if (entry.isUncertain) {
        frame.retry = true;
        if (entry.after) frame.after = entry.after;
      } else entry.after = position;
      send(frame, entry);
    }
  }

  /** Call at each heartbeat. @returns whether a send has gone unanswered for three of them */
  heartbeat(): boolean {
    let isOverdue = false;
    for (const entry of this.#entries.values()) {
      if (entry.state === 'sent' && ++entry.age >= OVERDUE_AGE) isOverdue = true;
    }
    return isOverdue;
  }

  /** Queues everything for a new link. What was sent on the last link may or may not have arrived. */
  requeue(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'queued') entry.isUncertain = true;
      entry.state = 'queued';
    }
    this.#inFlight = 0;
    this.#window = WINDOW;
  }

  /**
   * Keeps a message that is not in flight any more.
   *
   * @param state `queued`: it was refused and may be sent again; from now on one is sent at a time, which keeps the
   *   order. `pending`: the gateway keeps it until Redis is back (V3)
   */
  hold(id: string, state: 'queued' | 'pending'): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#setState(entry, state);
    if (state === 'queued') this.#window = 1;
  }

  /** Removes a message and resolves its promise. @returns the entry, if it was in the outbox */
  finish(result: SendResult): OutboxEntry | undefined {
    const entry = this.#entries.get(result.id);
    if (!entry) return undefined;
    this.#setState(entry, 'queued');
    this.#entries.delete(result.id);
    if (result.ok) this.#window = Math.min(WINDOW, this.#window * 2);
    entry.resolve?.(result);
    return entry;
  }

  /** Resolves every open promise with the code `closed`. The entries stay. */
  release(message: string): void {
    for (const entry of this.#entries.values()) {
      entry.resolve?.({ ok: false, id: entry.id, code: 'closed', message });
      delete entry.resolve;
    }
  }

  #setState(entry: Entry, state: Entry['state']): void {
    if (entry.state === 'sent') this.#inFlight -= 1;
    entry.state = state;
  }
}
