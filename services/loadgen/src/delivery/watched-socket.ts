import type { MessageFrame, ServerFrame, SessionFrame, WelcomeFrame } from '@holdfast/protocol';
import { type ClientOptions, type RawData, WebSocket } from 'ws';
import type { ViolationKind } from './violations.js';

/** Reports a wrong frame. */
export type ReportLink = (
  kind: Extract<ViolationKind, 'wire_gap' | 'wire_double' | 'unrecovered'>,
  detail: string,
) => void;

/**
 * Checks the frames of one connection against V2, R1 and R2. It does so before the client library gets them, which
 * drops repeated messages and would hide them.
 */
export class LinkWatch {
  readonly #lastSeq: number | undefined;
  readonly #lastId: string | undefined;
  readonly #epoch: string | undefined;
  readonly #report: ReportLink;
  /** The number that has to come next. Absent: any number may. */
  #next: number | undefined;
  /**
   * The detail of a refused resume whose number is still kept. It is a violation only if the message with that number
   * turns out to be the one that the client had.
   */
  #doubt: string | undefined;
  #isWelcomed = false;

  /** @param url the address of the connection, whose query says what was asked for */
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
    // A second welcome on the same connection continues from the client's position, which is not known here (D3).
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

/** What a member is told about its connections. */
export interface SocketOwner {
  readonly report: ReportLink;
  opened(socket: WatchedSocket): void;
  /** @param wasWelcomed whether the connection was ever in the session */
  ended(socket: WatchedSocket, wasWelcomed: boolean): void;
}

const OPTIONS: ClientOptions & { closeTimeout: number } = {
  perMessageDeflate: false,
  // How long a server may take to answer a close, in milliseconds. Over a half-open link no answer comes.
  closeTimeout: 1_000,
};

/** A real WebSocket whose frames are checked before the client library gets them. */
export class WatchedSocket extends WebSocket {
  readonly #watch: LinkWatch;

  constructor(url: string, protocols: string[], owner: SocketOwner) {
    super(url, protocols, OPTIONS);
    this.#watch = new LinkWatch(url, owner.report);
    this.on('message', (data: RawData) => this.#watch.frame(data.toString()));
    this.on('close', () => owner.ended(this, this.#watch.isWelcomed));
    owner.opened(this);
  }
}
