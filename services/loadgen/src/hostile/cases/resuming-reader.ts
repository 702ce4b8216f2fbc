import type { SessionFrame, WelcomeFrame } from '@holdfast/protocol';
import { FramedSocket } from '../framed-socket.js';
import { type Counts, memberQuery } from './heavy-case.js';

const RETRY_MS = 500;

/**
 * A member that reads a session from its oldest message on, comes back when it is closed, and checks that everything
 * comes in order and once.
 */
export class ResumingReader {
  /** The first thing that came wrong. */
  wrong: string | undefined;
  /** How many messages it was given. */
  received = 0;
  readonly #port: number;
  readonly #session: string;
  readonly #name: string;
  readonly #counts: Counts;
  #socket: FramedSocket | undefined;
  #returning: NodeJS.Timeout | undefined;
  #epoch: string | undefined;
  /** The number that is due. Absent: it was never welcomed. */
  #due: number | undefined;
  #goal = Number.POSITIVE_INFINITY;
  #reached: () => void = () => undefined;

  /** @param counts gets closes, refusals, gaps and new beginnings */
  constructor(port: number, session: string, name: string, counts: Counts) {
    this.#port = port;
    this.#session = session;
    this.#name = name;
    this.#counts = counts;
    this.#connect();
  }

  /** Resolves when it was given a number, and everything before it. */
  reach(seq: number): Promise<void> {
    return new Promise((resolve) => {
      this.#goal = seq;
      this.#reached = resolve;
      this.#look();
    });
  }

  /** Whether it was given everything up to the number of the newest {@link reach}. */
  get hasAll(): boolean {
    return this.#due !== undefined && this.#due > this.#goal;
  }

  end(): void {
    clearTimeout(this.#returning);
    this.#socket?.end();
  }

  #connect(): void {
    const position =
      this.#epoch === undefined ? '&last_seq=0' : `&last_seq=${(this.#due ?? 1) - 1}&epoch=${this.#epoch}`;
    this.#socket = new FramedSocket(this.#port, memberQuery(this.#session, this.#name, position), {
      message: ({ seq }) => {
        if (seq !== undefined) this.#message(seq);
      },
      frame: (frame) => {
        if (frame.type === 'welcome') this.#welcome(frame);
        else if (frame.type === 'session') this.#event(frame);
      },
      ended: (code, refusal) => {
        this.#counts.add(refusal ? `refused with ${refusal.status}` : `closed with ${code || 'no code'}`);
        this.#returning = setTimeout(() => this.#connect(), refusal?.retryAfterMs ?? RETRY_MS);
      },
    });
  }

  #welcome({ epoch, firstSeq, seq, recovered }: WelcomeFrame): void {
    // While Redis is away the gateway may know neither session nor position; a reset says where it goes on (V6).
    if (!epoch) return;
    const isNew = this.#epoch === undefined;
    if (!recovered && !isNew) this.#counts.add('begun anew');
    this.#epoch = epoch;
    if (isNew || !recovered) this.#due = firstSeq || seq + 1;
    this.#look();
  }

  #event(event: SessionFrame): void {
    if (event.event === 'gap') {
      this.#counts.add('gaps');
      this.#due = event.to + 1;
    } else if (event.event === 'reset') {
      this.#counts.add('begun anew');
      this.#epoch = event.epoch;
      this.#due = event.from;
    }
    this.#look();
  }

  #message(seq: number): void {
    if (seq !== this.#due) this.wrong ??= `number ${seq} came where ${this.#due} was due`;
    this.#due = seq + 1;
    this.received += 1;
    this.#look();
  }

  #look(): void {
    if (this.hasAll) this.#reached();
  }
}
