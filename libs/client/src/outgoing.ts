import { type ErrorFrame, isSendId } from '@holdfast/protocol';
import { Timer } from './clock.js';
import type { Connection } from './connection.js';
import type { Cursor } from './cursor.js';
import type { Emitter } from './emitter.js';
import type { ClientEvents } from './events.js';
import { SEND_ID_BYTES, type Settings } from './options.js';
import { Outbox, type OutboxEntry, type RefusalCode, type SendResult } from './outbox.js';
import type { PersistentState } from './persistent-state.js';

/** What `send` returns. */
export interface Sending {
  readonly id: string;
  /** Resolves when the message is accepted or refused; never rejects. */
  readonly result: Promise<SendResult>;
}

/**
 * The shortest pause after a refusal, milliseconds. A rate limit then allows several messages at once, instead of
 * refusing one after the other.
 */
const MIN_PAUSE_MS = 500;
/** Refusals that pass by themselves. The message stays in the outbox. */
const TEMPORARY: readonly string[] = ['rate_limited', 'overloaded', 'unauthorized'];

/** Takes each message of this client from `send` to its acceptance or refusal. */
export class Outgoing {
  readonly outbox: Outbox;
  /** From the newest welcome. Before the first one nobody knows the gateway's limit, and nothing is sent. */
  maxMessageBytes = Number.POSITIVE_INFINITY;
  readonly #settings: Settings;
  readonly #saved: PersistentState;
  readonly #events: Emitter<ClientEvents>;
  readonly #connection: Pick<Connection, 'isWritable' | 'send' | 'settled'>;
  readonly #cursor: Pick<Cursor, 'position'>;
  readonly #pauseTimer: Timer;
  #isPaused = false;
  #lastAt = 0;

  constructor(
    settings: Settings,
    saved: PersistentState,
    events: Emitter<ClientEvents>,
    connection: Pick<Connection, 'isWritable' | 'send' | 'settled'>,
    cursor: Pick<Cursor, 'position'>,
  ) {
    this.#settings = settings;
    this.#saved = saved;
    this.#events = events;
    this.#connection = connection;
    this.#cursor = cursor;
    this.#pauseTimer = new Timer(settings.clock);
    this.outbox = new Outbox();
    for (const entry of saved.outbox()) {
      this.outbox.restore(entry);
      // The clock may have been put back since.
      this.#lastAt = entry.at;
    }
  }

  send(content: string, id: string = this.#settings.newId(SEND_ID_BYTES)): Sending {
    if (!isSendId(id) || this.outbox.get(id)) throw new TypeError('id must be new, 1 to 64 of A-Z a-z 0-9 . _ ~ -');
    // Every message has a later time than the one before, because the next page sorts the outbox by it.
    this.#lastAt = Math.max(this.#settings.clock.now(), this.#lastAt + 1);
    const entry = { id, content, at: this.#lastAt };
    const isFull = this.outbox.size >= this.#settings.outboxMax;
    const result = new Promise<SendResult>((resolve) => this.outbox.add(entry, resolve));
    if (isFull) this.#reject(id, 'outbox_full', `at most ${this.#settings.outboxMax} messages wait`);
    else if (this.#isSendable(entry)) {
      this.#saved.save(entry);
      this.#outboxChanged();
      this.flush();
    }
    return { id, result };
  }

  /** Sends the messages that may be sent now. */
  flush(): void {
    if (this.#isPaused || !this.#connection.isWritable) return;
    this.outbox.flush(
      this.#cursor.position,
      (entry) => this.#isSendable(entry),
      (frame, entry) => {
        if (!frame.retry) this.#saved.save(entry);
        this.#connection.send(frame);
      },
    );
  }

  /** Call for a new link, and when Redis is back: unanswered messages are sent again, before any new one. */
  restart(): void {
    this.outbox.requeue();
    this.#endPause();
  }

  /** The client is closed: open results resolve, no timer is left, and the messages stay, unless the session is gone. */
  stop(message: string, isDeleted: boolean): void {
    if (isDeleted)
      for (const { id } of this.outbox.entries()) this.#reject(id, 'session_deleted', 'the session is deleted');
    this.#endPause();
    this.outbox.release(message);
  }

  accept(id: string, seq: number | undefined): void {
    const result = { ok: true as const, id, seq };
    if (!this.outbox.finish(result)) return;
    this.#saved.forget(id);
    this.#events.emit('accepted', result);
    this.#outboxChanged();
    this.#answered();
  }

  /** The gateway keeps the message until Redis is back (V3). */
  pending(id: string): void {
    this.outbox.hold(id, 'pending');
    this.#answered();
  }

  /** V11. */
  refuse({ id, code, message, retryAfterMs }: ErrorFrame): void {
    if (id === undefined || !this.outbox.get(id)) return;
    if (retryAfterMs === undefined && !TEMPORARY.includes(code)) this.#reject(id, code, message);
    else {
      this.outbox.hold(id, 'queued');
      this.#isPaused = true;
      this.#pauseTimer.set(Math.max(retryAfterMs ?? 0, MIN_PAUSE_MS), () => {
        this.#endPause();
        this.flush();
      });
    }
    this.#answered();
  }

  #reject(id: string, code: RefusalCode, message: string): void {
    const result = { ok: false as const, id, code, message };
    const entry = this.outbox.finish(result);
    if (!entry) return;
    this.#saved.forget(id);
    this.#events.emit('rejected', { ...result, content: entry.content });
    this.#outboxChanged();
  }

  /**
   * Rejects a content that has more characters than the server allows bytes. A shorter one is sent, and the server
   * counts its bytes: a character takes at most six in JSON, so the frame stays within 8 times the limit, beyond which
   * the server would close the connection (C6).
   */
  #isSendable({ id, content }: OutboxEntry): boolean {
    const isSendable = content.length <= this.maxMessageBytes;
    if (!isSendable) this.#reject(id, 'message_too_large', `a message has at most ${this.maxMessageBytes} bytes`);
    return isSendable;
  }

  #answered(): void {
    if (this.outbox.inFlight === 0) this.#connection.settled();
    this.flush();
  }

  #endPause(): void {
    this.#isPaused = false;
    this.#pauseTimer.clear();
  }

  #outboxChanged(): void {
    this.#events.emit('outbox', { size: this.outbox.size });
  }
}
