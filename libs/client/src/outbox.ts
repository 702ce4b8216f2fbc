import type { ErrorCode, Position, SendFrame } from '@holdfast/protocol';

/**
 * How a send ended. An accepted message has no `seq` without persistence. With the code `closed` nobody knows whether
 * it arrived; connecting again sends it again.
 */
export type SendResult =
  | { readonly ok: true; readonly id: string; readonly seq?: number | undefined }
  | { readonly ok: false; readonly id: string; readonly code: RefusalCode; readonly message: string };

export type RefusalCode = ErrorCode | 'outbox_full' | 'session_deleted' | 'closed';

/** What is kept of a message until it is accepted. */
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
  /** `held`: the gateway keeps it while Redis is away (V3). */
  state: 'queued' | 'sent' | 'held';
  /** Whether an earlier send may have arrived. */
  isUncertain: boolean;
  /** Heartbeats since it was sent. */
  beats: number;
  resolve?: (result: SendResult) => void;
}

/** Sends that may be under way at once: enough for a fast link, and few to come back when a limit is hit. */
const WINDOW = 32;
/** The gateway answers a send within a second or two, with a pending message when Redis is away. */
const OVERDUE_BEATS = 3;

/** What has been sent or is to be sent and has not been accepted, in the order it was given. */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  #underWay = 0;
  #window = WINDOW;

  get size(): number {
    return this.#entries.size;
  }

  /** Sends whose ack can come any moment. */
  get underWay(): number {
    return this.#underWay;
  }

  entries(): OutboxEntry[] {
    return [...this.#entries.values()];
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  add(entry: OutboxEntry, resolve: (result: SendResult) => void): void {
    this.#entries.set(entry.id, { ...entry, state: 'queued', isUncertain: false, beats: 0, resolve });
  }

  /** Takes over what an earlier page kept: it, or another tab, may have sent it. */
  restore(entry: OutboxEntry): void {
    this.#entries.set(entry.id, { ...entry, state: 'queued', isUncertain: true, beats: 0 });
  }

  /**
   * Sends what may be sent now, oldest first.
   *
   * @param position goes along with a first send, to be repeated with its retries
   * @param isSendable when false it has ended the entry, which cannot be sent at all
   */
  flush(
    position: Position | undefined,
    isSendable: (entry: OutboxEntry) => boolean,
    send: (frame: SendFrame, entry: OutboxEntry) => void,
  ): void {
    for (const entry of this.#entries.values()) {
      if (this.#underWay >= this.#window) return;
      if (entry.state !== 'queued' || !isSendable(entry)) continue;
      entry.state = 'sent';
      entry.beats = 0;
      this.#underWay += 1;
      const frame: SendFrame = { type: 'send', id: entry.id, content: entry.content };
      if (entry.isUncertain) {
        frame.retry = true;
        if (entry.after) frame.after = entry.after;
      } else entry.after = position;
      send(frame, entry);
    }
  }

  /** Call at each heartbeat. @returns whether something that was sent has gone unanswered for three of them */
  beat(): boolean {
    let isOverdue = false;
    for (const entry of this.#entries.values()) {
      if (entry.state === 'sent' && ++entry.beats >= OVERDUE_BEATS) isOverdue = true;
    }
    return isOverdue;
  }

  /** A new link: whatever was sent on the last one may or may not have arrived. */
  requeue(): void {
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'queued') entry.isUncertain = true;
      entry.state = 'queued';
    }
    this.#underWay = 0;
    this.#window = WINDOW;
  }

  /** The server did not take it and it may be sent again. Goes on with one at a time, to keep the order. */
  postpone(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#leave(entry, 'queued');
    this.#window = 1;
  }

  /** The gateway holds it while Redis is away; it does not keep others from being sent. */
  hold(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) this.#leave(entry, 'held');
  }

  /** @returns the entry that has ended, if it was still here */
  finish(result: SendResult): OutboxEntry | undefined {
    const entry = this.#entries.get(result.id);
    if (!entry) return undefined;
    this.#leave(entry, 'queued');
    this.#entries.delete(result.id);
    if (result.ok) this.#window = Math.min(WINDOW, this.#window * 2);
    entry.resolve?.(result);
    return entry;
  }

  /** Tells every waiting sender that the outcome stays unknown, and keeps the entries. */
  release(message: string): void {
    for (const entry of this.#entries.values()) {
      entry.resolve?.({ ok: false, id: entry.id, code: 'closed', message });
      delete entry.resolve;
    }
  }

  #leave(entry: Entry, state: Entry['state']): void {
    if (entry.state === 'sent') this.#underWay -= 1;
    entry.state = state;
  }
}
