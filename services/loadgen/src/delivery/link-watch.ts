import type { MessageFrame, ServerFrame, SessionFrame, WelcomeFrame } from '@holdfast/protocol';
import type { ViolationKind } from './violations.js';

/** Where a wrong frame is reported. */
export type ReportLink = (
  kind: Extract<ViolationKind, 'wire_gap' | 'wire_double' | 'unrecovered'>,
  detail: string,
) => void;

/**
 * Holds what comes on one connection against V2, R1 and R2, independently of the client library: a client that drops
 * what came twice would hide it.
 */
export class LinkWatch {
  readonly #lastSeq: number | undefined;
  readonly #lastId: string | undefined;
  readonly #epoch: string | undefined;
  readonly #report: ReportLink;
  /** The number that has to come next; absent: any. */
  #next: number | undefined;
  /** A resume that was refused although its number is kept: unless there is another message under it. */
  #doubt: string | undefined;
  #isWelcomed = false;

  /** @param url as connected to: it says what was asked for */
  constructor(url: string, report: ReportLink) {
    const query = new URL(url).searchParams;
    const lastSeq = query.get('last_seq');
    this.#lastSeq = lastSeq === null ? undefined : Number(lastSeq);
    this.#lastId = query.get('last_id') ?? undefined;
    this.#epoch = query.get('epoch') ?? undefined;
    this.#report = report;
  }

  get isWelcomed(): boolean {
    return this.#isWelcomed;
  }

  frame(text: string): void {
    const frame = JSON.parse(text) as ServerFrame;
    if (frame.type === 'message') this.#message(frame);
    else if (frame.type === 'welcome') this.#welcome(frame);
    else if (frame.type === 'session') this.#session(frame);
  }

  #welcome(frame: WelcomeFrame): void {
    // A second one on the same connection goes on from wherever the client is (D3).
    this.#next = this.#isWelcomed ? undefined : this.#expectedAfter(frame);
    this.#isWelcomed = true;
  }

  #expectedAfter({ epoch, seq, firstSeq, recovered }: WelcomeFrame): number | undefined {
    if (epoch === null || epoch === '') return undefined;
    if (this.#lastSeq === undefined) return seq + 1;
    if (recovered) return this.#lastSeq + 1;
    const first = firstSeq || seq + 1;
    if (epoch === this.#epoch && this.#lastSeq + 1 >= first && this.#lastSeq <= seq) {
      const detail = `asked for what follows ${this.#lastSeq}; kept are ${first} to ${seq}`;
      if (this.#lastId === undefined || this.#lastSeq < first) this.#report('unrecovered', detail);
      else this.#doubt = detail;
    }
    return first;
  }

  #message({ seq, id }: MessageFrame): void {
    if (seq === undefined) return;
    if (this.#doubt !== undefined && seq === this.#lastSeq && id === this.#lastId) {
      this.#report('unrecovered', this.#doubt);
    }
    if (this.#next !== undefined && seq > this.#next)
      this.#report('wire_gap', `${id}: ${seq} follows ${this.#next - 1}`);
    if (this.#next !== undefined && seq < this.#next) {
      this.#report('wire_double', `${id}: ${seq} follows ${this.#next - 1}`);
    }
    this.#next = seq + 1;
  }

  #session(frame: SessionFrame): void {
    if (frame.event === 'gap') this.#next = frame.to + 1;
    else if (frame.event === 'reset') this.#next = frame.from;
    else if (frame.event === 'expired') this.#next = 1;
  }
}
