import type { ConnectRequest, ResumeRequest, ServerFrame, SessionFrame, WelcomeFrame } from '@holdfast/protocol';
import type { Fail, History } from './history.js';

export interface WireAuditOptions {
  /** Name of the connection in messages. */
  readonly name: string;
  readonly request: ConnectRequest;
  readonly history: History;
  readonly fail: Fail;
  /** Virtual milliseconds. */
  readonly now: () => number;
  /** The newest number of this session that the gateway has got, by pub/sub or from the log. */
  readonly heard: () => number;
  /** Whether gateways may have forgotten messages that they have given to their members. */
  readonly tailsAreSmall: boolean;
}

const MESSAGE_HEAD = '{"type":"message","seq":';

/** Checks every frame that a gateway puts on one framed connection (R1–R3, V2, F7). */
export class FramedWireAudit {
  readonly #options: WireAuditOptions;
  /** The newest number when the client connected. A gateway that is behind has to catch up with it (R2). */
  readonly #newestWhenAsked: number;
  #welcome: WelcomeFrame | undefined;
  /** The number of the next message. */
  #next = 0;
  #sinceMs = Number.POSITIVE_INFINITY;
  /** Whether the connection was last told that Redis is away (V6). */
  #isInMemory = false;
  /** Contents that were shown as pending since. */
  #pending: string[] = [];
  /** Whether it was welcomed without an epoch, and waits for the reset that tells where it continues (D3). */
  #isLate = false;
  /** The epoch of the connection. Absent: not known yet. */
  #epoch: string | undefined;

  constructor(options: WireAuditOptions) {
    this.#options = options;
    this.#newestWhenAsked = options.history.newest;
  }

  /** The number of the newest message on this connection, or the one after which it began. */
  get seq(): number {
    return this.#next - 1;
  }

  /** From when on it has to be given everything. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get history(): History {
    return this.#options.history;
  }

  /** Whether it was told that Redis is away, and not yet that it is back. */
  get isInMemory(): boolean {
    return this.#isInMemory;
  }

  sent(text: string): void {
    if (text.startsWith(MESSAGE_HEAD)) return this.#message(text);
    const frame = JSON.parse(text) as ServerFrame;
    if (!this.#welcome && frame.type !== 'welcome' && frame.type !== 'error') {
      this.#fail('V1', `${frame.type} came before the welcome`);
    }
    switch (frame.type) {
      case 'welcome':
        return this.#welcomed(frame);
      case 'ack':
        return this.#ack(frame.id, frame.seq);
      case 'heartbeat':
        return this.#delivered('heartbeat', frame.seq);
      case 'status':
        if (frame.storage === 'redis') this.#auditPending();
        if (this.#isInMemory === (frame.storage === 'memory')) this.#fail('V6', `told of ${frame.storage} again`);
        this.#isInMemory = frame.storage === 'memory';
        return;
      case 'session':
        return this.#session(frame);
      case 'error':
        if (frame.code !== 'not_stored') this.#fail('V11', `${frame.code}: ${frame.message}`);
        return;
      case 'message':
        if (!frame.pending || !this.#isInMemory) this.#fail('V2', `a message without a number: ${text}`);
        this.#pending.push(frame.content);
        return;
      default:
    }
  }

  #fail(rule: string, what: string): void {
    this.#options.fail(rule, `${this.#options.name}: ${what}`);
  }

  /** The connection is told that Redis is back: everything that was shown meanwhile has to be stored (D3). */
  #auditPending(): void {
    const { history } = this.#options;
    const missing = this.#pending.find((content) => !history.find(content) && !history.wasEnded);
    if (missing !== undefined) this.#fail('D3', `"${missing}" is not stored although Redis is said to be back`);
    this.#pending = [];
  }

  #session(frame: SessionFrame): void {
    const { history } = this.#options;
    if (frame.event === 'gap') return this.#gap(frame.from, frame.to);
    if (frame.event === 'reset' && this.#isLate) return this.#placed(frame.epoch, frame.from);
    if (!history.isDisturbed) this.#fail('V7', `${frame.event} although nothing was lost and nothing expired`);
    if (frame.event === 'reset') this.#reset(frame.epoch, frame.from);
    else if (frame.event === 'expired') {
      this.#epoch = undefined;
      this.#next = 1;
    }
  }

  /** The connection is told that the history from a number on may differ. The number is at most the next one (G4). */
  #reset(epoch: string, from: number): void {
    const { history } = this.#options;
    if (!history.knowsEpoch(epoch)) this.#fail('V7', `reset to epoch ${epoch}, which never was`);
    if (epoch === this.#epoch) this.#fail('V7', `reset to epoch ${epoch}, which it is in`);
    if (from > this.#next) this.#fail('V7', `reset from ${from} where ${this.#next} was due`);
    this.#epoch = epoch;
    this.#next = from;
  }

  #message(text: string): void {
    const { history } = this.#options;
    const seq = Number.parseInt(text.slice(MESSAGE_HEAD.length, MESSAGE_HEAD.length + 16), 10);
    if (!this.#welcome) this.#fail('V1', `message ${seq} came before the welcome`);
    else if (this.#isLate) this.#fail('V7', `message ${seq} came before the reset`);
    else if (seq !== this.#next) this.#fail('R1', `message ${seq} came where ${this.#next} was due`);
    if (history.at(seq)?.frame !== text && !this.#everWas(seq, text)) {
      this.#fail('F2', `message ${seq} is not the one of the log: ${text}`);
    }
    this.#delivered('message', seq);
    this.#next = seq + 1;
  }

  /** Whether a frame was ever the message of a number in the connection's epoch, before something was lost. */
  #everWas(seq: number, text: string): boolean {
    const { history } = this.#options;
    return history.isDisturbed && history.ever(seq, this.#epoch).some(({ frame }) => frame === text);
  }

  #welcomed(frame: WelcomeFrame): void {
    if (this.#welcome) this.#fail('V1', 'a second welcome although Redis came back with all it had');
    this.#welcome = frame;
    const { history, request } = this.#options;
    this.#isInMemory = frame.storage === 'memory';
    if (this.#isInMemory && frame.epoch === '') {
      this.#isLate = true;
      this.#sinceMs = this.#options.now();
      return;
    }
    this.#sinceMs = this.#options.now();
    this.#epoch = frame.epoch ? frame.epoch : undefined;
    if (frame.epoch !== history.epoch && history.newest > 0 && !history.isDisturbed) {
      this.#fail('V1', `epoch ${frame.epoch}`);
    }
    this.#delivered('welcome', frame.seq);
    const start = frame.firstSeq || frame.seq + 1;
    const { resume } = request;
    if (!resume) this.#next = frame.seq + 1;
    else if (resume.epoch === undefined && resume.lastSeq === 0) {
      this.#next = start;
      if (frame.recovered !== (start === 1)) this.#fail('R3', `recovered ${frame.recovered}, kept from ${start}`);
    } else this.#resumed(frame, resume, start);
  }

  #resumed(frame: WelcomeFrame, { epoch, lastSeq, lastId = '' }: ResumeRequest, start: number): void {
    const { history } = this.#options;
    const { recovered } = frame;
    this.#next = recovered ? lastSeq + 1 : start;
    // The history may have changed between the gateway's reading and its answer.
    if (history.isDisturbed) return;
    const asked = `${epoch} ${lastSeq} ${lastId}`;
    const isHere = epoch === frame.epoch && lastSeq <= Math.max(frame.seq, this.#newestWhenAsked);
    const isOurs = lastId === '' || lastSeq === 0 || history.at(lastSeq)?.id === lastId;
    // Trimmed messages need not be compared.
    if (recovered && !(isHere && (isOurs || lastSeq < history.firstKept))) {
      this.#fail('R2', `recovered from ${asked}, which is not in the history`);
    }
    if (recovered && lastSeq + 1 < frame.firstSeq) {
      this.#fail('R2', `recovered from ${asked}, kept from ${frame.firstSeq}`);
    }
    // A gateway may not know yet what was trimmed since. Then it tells of a gap.
    if (!recovered && isHere && isOurs && lastSeq + 1 >= history.firstKept) {
      this.#fail('R2', `not recovered from ${asked}, although everything from ${history.firstKept} is kept`);
    }
  }

  /** The connection is told where it continues, now that Redis is back (D3). */
  #placed(epoch: string, from: number): void {
    const { history, request } = this.#options;
    const { epoch: wanted, lastSeq = 0, lastId = '' } = request.resume ?? {};
    this.#isLate = false;
    this.#epoch = epoch;
    if (history.isDisturbed) {
      this.#sinceMs = this.#options.now();
      this.#next = from;
      if (!history.knowsEpoch(epoch)) this.#fail('V7', `reset to epoch ${epoch}, which never was`);
      return;
    }
    const missed = history.newestAt(this.#sinceMs) + 1;
    if (!request.resume && from > missed && missed >= history.firstKept && !this.#options.tailsAreSmall) {
      this.#fail('D3', `goes on from ${from}, welcomed when ${missed} was due`);
    }
    this.#sinceMs = this.#options.now();
    this.#next = from;
    if (epoch !== history.epoch && history.newest > 0) this.#fail('V7', `reset to epoch ${epoch}`);
    const isOurs = wanted === epoch && (lastId === '' || history.at(lastSeq)?.id === lastId);
    if (isOurs && from > lastSeq + 1 && lastSeq + 1 >= history.firstKept) {
      this.#fail('D3', `goes on from ${from} after ${lastSeq}`);
    }
  }

  #gap(from: number, to: number): void {
    const { history } = this.#options;
    if (from !== this.#next || to < from) this.#fail('V7', `gap from ${from} to ${to} where ${this.#next} was due`);
    if (to >= history.firstKept && !history.isDisturbed) {
      this.#fail('V7', `gap to ${to}, kept from ${history.firstKept}`);
    }
    this.#next = to + 1;
  }

  #ack(id: string, seq: number): void {
    const { history } = this.#options;
    if (history.at(seq)?.id !== id && !history.ever(seq).some((each) => each.id === id)) {
      this.#fail('V4', `${id} was acknowledged as ${seq}, which it is not`);
    }
    this.#delivered('ack', seq);
  }

  /** F7: a gateway tells only of messages that it has delivered. Here it must at least have got them. */
  #delivered(what: string, seq: number): void {
    const heard = this.#options.heard();
    if (seq > heard && !this.#options.history.isDisturbed)
      this.#fail('F7', `${what} of ${seq}, but the gateway has heard of ${heard} only`);
  }
}
