import { DEFAULT_MESSAGE_MAX_BYTES, type ErrorFrame, isSendId, type SendFrame } from '@holdfast/protocol';
import { Alarm } from './alarm.js';
import type { Cursor } from './cursor.js';
import type { Emitter } from './emitter.js';
import type { ClientEvents } from './events.js';
import type { Keep } from './keep.js';
import type { Settings } from './options.js';
import { Outbox, type OutboxEntry, type RefusalCode, type SendResult } from './outbox.js';
import { SEND_ID_BYTES } from './random-id.js';

/** What `send` gives back. */
export interface Sending {
  readonly id: string;
  /** Resolves when the message is accepted or refused; never rejects. */
  readonly result: Promise<SendResult>;
}

/** What sending needs of the connection. */
export interface Wire {
  readonly isWritable: boolean;
  send(frame: SendFrame): void;
  /** Nothing that was sent waits for its ack any more. */
  settled(): void;
}

/**
 * Pause after a refusal, at least: what a rate limit allows gathers meanwhile, instead of one refusal after another.
 */
const MIN_PAUSE_MS = 500;
/** Refusals that end by themselves: the message stays in the outbox. */
const PASSING: readonly string[] = ['rate_limited', 'overloaded', 'unauthorized'];

/** Everything a client sends, from `send` to its acceptance or refusal. */
export class Outgoing {
  readonly outbox: Outbox;
  /** As the newest welcome says. */
  maxMessageBytes = DEFAULT_MESSAGE_MAX_BYTES;
  readonly #settings: Settings;
  readonly #keep: Keep;
  readonly #events: Emitter<ClientEvents>;
  readonly #wire: Wire;
  readonly #cursor: Pick<Cursor, 'position'>;
  readonly #pause: Alarm;
  #isPaused = false;
  #lastAt = 0;

  constructor(
    settings: Settings,
    keep: Keep,
    events: Emitter<ClientEvents>,
    wire: Wire,
    cursor: Pick<Cursor, 'position'>,
  ) {
    this.#settings = settings;
    this.#keep = keep;
    this.#events = events;
    this.#wire = wire;
    this.#cursor = cursor;
    this.#pause = new Alarm(settings.clock);
    this.outbox = new Outbox();
    for (const entry of keep.outbox()) this.outbox.restore(entry);
  }

  send(content: string, id: string = this.#settings.newId(SEND_ID_BYTES)): Sending {
    if (!isSendId(id) || this.outbox.has(id)) throw new TypeError('id must be new, 1 to 64 of A-Z a-z 0-9 . _ ~ -');
    // Strictly growing, because the outbox of an earlier page is put in order by it.
    this.#lastAt = Math.max(this.#settings.clock.now(), this.#lastAt + 1);
    const entry = { id, content, at: this.#lastAt };
    const isFull = this.outbox.size >= this.#settings.outboxMax;
    const result = new Promise<SendResult>((resolve) => this.outbox.add(entry, resolve));
    if (isFull) this.#reject(id, 'outbox_full', `at most ${this.#settings.outboxMax} messages wait to be sent`);
    else if (this.#isSendable(entry)) {
      this.#keep.save(entry);
      this.#changed();
      this.flush();
    }
    return { id, result };
  }

  /** Sends what may be sent. */
  flush(): void {
    if (this.#isPaused || !this.#wire.isWritable) return;
    this.outbox.flush(
      this.#cursor.position,
      (entry) => this.#isSendable(entry),
      (frame, entry) => {
        if (!frame.retry) this.#keep.save(entry);
        this.#wire.send(frame);
      },
    );
  }

  /** A new link, or Redis is back: what has not been answered is sent again, first of all. */
  restart(): void {
    this.outbox.requeue();
    this.#resume();
  }

  accept(id: string, seq: number | undefined): void {
    const result = { ok: true as const, id, seq };
    if (!this.outbox.finish(result)) return;
    this.#keep.forget(id);
    this.#events.emit('accepted', result);
    this.#changed();
    this.#goOn();
  }

  /** The gateway holds a message while Redis is away (V3). */
  hold(id: string): void {
    this.outbox.hold(id);
    this.#goOn();
  }

  /** V11. */
  refuse({ id, code, message, retryAfterMs }: ErrorFrame): void {
    if (id === undefined || !this.outbox.has(id)) return;
    if (retryAfterMs === undefined && !PASSING.includes(code)) {
      this.#reject(id, code, message);
      return this.#goOn();
    }
    this.outbox.postpone(id);
    this.#isPaused = true;
    this.#pause.set(Math.max(retryAfterMs ?? 0, MIN_PAUSE_MS), () => {
      this.#resume();
      this.flush();
    });
    if (this.outbox.underWay === 0) this.#wire.settled();
  }

  /** The session is gone, and with it whatever was meant for it. */
  rejectAll(code: RefusalCode, message: string): void {
    for (const { id } of this.outbox.entries()) this.#reject(id, code, message);
  }

  #reject(id: string, code: RefusalCode, message: string): void {
    const result = { ok: false as const, id, code, message };
    const entry = this.outbox.finish(result);
    if (!entry) return;
    this.#keep.forget(id);
    this.#events.emit('rejected', { ...result, content: entry.content });
    this.#changed();
  }

  /**
   * Whether a frame of this content is within 8 times the limit: beyond it the server closes the connection (C6), up to
   * it the server answers, and counts bytes. A character of JSON takes at most six.
   */
  #isSendable({ id, content }: OutboxEntry): boolean {
    const isSendable = content.length <= this.maxMessageBytes;
    if (!isSendable) this.#reject(id, 'message_too_large', `a message has at most ${this.maxMessageBytes} bytes`);
    return isSendable;
  }

  #goOn(): void {
    if (this.outbox.underWay === 0) this.#wire.settled();
    this.flush();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#pause.clear();
  }

  #changed(): void {
    this.#events.emit('outbox', { size: this.outbox.size });
  }
}
