import type { Socket } from 'node:net';
import type { ErrorFrame, SendFrame, ServerFrame } from '@holdfast/protocol';
import { type Refusal, readRefusal } from '../bench/worker/frame-socket.js';
import { FrameSkimmer, type SkimmedFrame } from './frame-skimmer.js';
import { connectRaw, OPCODE, rawFrame, upgradeHead } from './raw-socket.js';

/** A message, of which only the beginning was read. */
export interface SkimmedMessage {
  readonly id: string;
  /** Absent while the message is pending, and when it is not stored. */
  readonly seq?: number;
}

export interface FramedSocketEvents {
  /** The upgrade was accepted: frames may be sent. The welcome comes later. */
  open?(): void;
  message?(message: SkimmedMessage): void;
  /** Any other frame. */
  frame?(frame: Exclude<ServerFrame, { type: 'message' }>): void;
  /**
   * The connection is no more. Called once, and not after `end`.
   *
   * @param code of the server's close frame; 0 when there was none
   * @param refusal if the upgrade was refused
   */
  ended?(code: number, refusal?: Refusal): void;
}

/** The buffer that all sockets of a process read into. Each read is processed completely before the next one. */
const shared = Buffer.allocUnsafeSlow(262_144);
const HEADERS_END = '\r\n\r\n';
const UPGRADED = 'HTTP/1.1 101';
const MESSAGE = /^\{"type":"message",(?:"seq":(\d+),)?(?:"pending":true,)?"id":"([^"]+)"/;

/** A connection of the framed protocol that reads the beginnings of messages only, see {@link FrameSkimmer}. */
export class FramedSocket {
  readonly #socket: Socket;
  readonly #events: FramedSocketEvents;
  readonly #skimmer = new FrameSkimmer((frame) => this.#frame(frame));
  /** The HTTP answer so far. Absent: it is complete. */
  #head: string | undefined = '';
  #code = 0;
  #ended = false;

  /** @param query of `/ws/chat/`, without the question mark */
  constructor(port: number, query: string, events: FramedSocketEvents) {
    this.#events = events;
    this.#socket = connectRaw(port, {
      buffer: shared,
      callback: (bytes) => {
        this.#read(bytes);
        return true;
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.once('close', () => this.#finish());
    this.#socket.write(upgradeHead({ query, framed: true }));
  }

  /** Whether frames may be sent. */
  get isOpen(): boolean {
    return this.#head === undefined && !this.#ended;
  }

  send(frame: object): void {
    this.#socket.write(rawFrame(OPCODE.text, JSON.stringify(frame)));
  }

  /** Sends frames that were made with `rawFrame`. */
  sendRaw(frames: Buffer): void {
    this.#socket.write(frames);
  }

  /** Resets the connection: thousands of closing handshakes would disturb what is measured. */
  end(): void {
    this.#ended = true;
    this.#socket.resetAndDestroy();
  }

  #read(bytes: number): void {
    if (this.#ended) return;
    if (this.#head === undefined) return this.#skimmer.feed(shared, 0, bytes);
    const before = this.#head.length;
    this.#head += shared.toString('latin1', 0, bytes);
    const at = this.#head.indexOf(HEADERS_END);
    if (at < 0) return;
    const head = this.#head.slice(0, at);
    if (!head.startsWith(UPGRADED)) return this.#finish(readRefusal(head));
    this.#head = undefined;
    this.#events.open?.();
    this.#skimmer.feed(shared, at + HEADERS_END.length - before, bytes);
  }

  #frame({ opcode, beginning, length }: SkimmedFrame): void {
    if (this.#ended) return;
    if (opcode === OPCODE.ping) this.#socket.write(rawFrame(OPCODE.pong, beginning));
    if (opcode === OPCODE.close) this.#code = length >= 2 ? beginning.readUInt16BE(0) : 0;
    if (opcode !== OPCODE.text) return;
    const text = beginning.toString('utf8');
    const message = MESSAGE.exec(text);
    if (message) {
      const [, seq, id = ''] = message;
      this.#events.message?.({ id, ...(seq !== undefined && { seq: Number(seq) }) });
    } else if (length === beginning.length) {
      this.#events.frame?.(JSON.parse(text) as Exclude<ServerFrame, { type: 'message' }>);
    }
  }

  #finish(refusal?: Refusal): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    this.#events.ended?.(this.#code, refusal);
  }
}

/** What became of a send. */
export type SendAnswer = { readonly seq: number } | { readonly refused: ErrorFrame['code'] | 'no answer' };

/** A member that sends, and waits for the answers to its sends. */
export class SendingMember {
  readonly #socket: FramedSocket;
  /** By id: a message that is sent again before its answer is waited for twice. */
  readonly #waiting = new Map<string, Set<(answer: SendAnswer) => void>>();
  /** By id: how often a message was shown with a number. More than once is a message that was stored twice. */
  readonly shown = new Map<string, Set<number>>();
  /** How the connection ended, in words. Absent: it did not. */
  ending: string | undefined;
  /** The newest number that was shown. */
  newest = 0;
  epoch = '';

  private constructor(port: number, query: string, joined: (problem?: Error) => void) {
    this.#socket = new FramedSocket(port, query, {
      message: ({ id, seq }) => {
        // It is pending, and comes again (V3).
        if (seq === undefined) return;
        this.newest = Math.max(this.newest, seq);
        const numbers = this.shown.get(id) ?? new Set();
        this.shown.set(id, numbers.add(seq));
        this.#answer(id, { seq });
      },
      frame: (frame) => {
        if (frame.type === 'ack') this.#answer(frame.id, { seq: frame.seq });
        else if (frame.type === 'error' && frame.id !== undefined) this.#answer(frame.id, { refused: frame.code });
        else if (frame.type === 'welcome') {
          this.newest = frame.seq;
          this.epoch = frame.epoch ?? '';
          joined();
        }
      },
      ended: (code, refusal) => {
        this.ending = refusal ? `refused with ${refusal.status}` : `closed with ${code || 'no code'}`;
        joined(new Error(`a member was ${this.ending}`));
        for (const id of [...this.#waiting.keys()]) this.#answer(id, { refused: 'no answer' });
      },
    });
  }

  /** Joins a session. Resolves with the welcome. @throws Error when it is refused, or closed before */
  static async join(port: number, query: string): Promise<SendingMember> {
    return new Promise((resolve, reject) => {
      const member: SendingMember = new SendingMember(port, query, (problem) => {
        if (problem) reject(problem);
        else resolve(member);
      });
    });
  }

  get isOpen(): boolean {
    return this.#socket.isOpen;
  }

  /** @returns the answer: `no answer` after the time, or when the connection ends before */
  send(frame: SendFrame, waitMs: number): Promise<SendAnswer> {
    if (!this.isOpen) return Promise.resolve({ refused: 'no answer' });
    const waiting = this.#waiting.get(frame.id) ?? new Set();
    this.#waiting.set(frame.id, waiting);
    return new Promise((resolve) => {
      const settle = (answer: SendAnswer): void => {
        clearTimeout(timer);
        waiting.delete(settle);
        resolve(answer);
      };
      const timer = setTimeout(() => settle({ refused: 'no answer' }), waitMs);
      waiting.add(settle);
      this.#socket.send(frame);
    });
  }

  end(): void {
    this.#socket.end();
    for (const id of [...this.#waiting.keys()]) this.#answer(id, { refused: 'no answer' });
  }

  #answer(id: string, answer: SendAnswer): void {
    for (const settle of this.#waiting.get(id) ?? []) settle(answer);
    this.#waiting.delete(id);
  }
}
