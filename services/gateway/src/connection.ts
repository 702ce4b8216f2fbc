import {
  CLOSE,
  type CloseCode,
  type ConnectRequest,
  contentProblem,
  FRAME_BYTES_FACTOR,
  type FrameProblem,
  INVALID_FRAME_LIMIT,
  INVALID_FRAME_WINDOW_MS,
  parseClientFrame,
  type SendFrame,
  type ServerFrame,
  type SignalSendFrame,
  type WireProtocol,
} from '@holdfast/protocol';
import type { Clock } from './clock.js';
import type { Identity } from './identity.js';
import type { Member } from './member.js';
import { RateLimit } from './rate-limit.js';
import type { Room } from './room.js';
import type { Socket } from './socket.js';

/** What a connection needs of its gateway. */
export interface ConnectionHost {
  readonly clock: Clock;
  /** Bytes of one content (C6). */
  readonly maxMessageBytes: number;
  /** What its send buffer may hold (F6). Bytes. */
  readonly maxBackpressureBytes: number;
  /** Messages a second of one connection; 0 is no limit. */
  readonly messagesPerSecond: number;
  /** Stores or passes on a message. */
  send(connection: Connection, room: Room, sending: OutgoingMessage): void;
  signal(connection: Connection, room: Room, frame: SignalSendFrame): void;
  /** An error frame was sent (V11). */
  errorSent(code: string): void;
  messageArrived(): void;
  /** It came faster than the rate allows. */
  messageRefused(): void;
  /** Its backlog passed the limit, and it is going to be closed (F6). */
  tooSlow(): void;
}

/** A message as a connection hands it on. */
export interface OutgoingMessage {
  /** Absent: the gateway names it. */
  readonly id?: string | undefined;
  /** The content as a JSON string, with its quotes. */
  readonly contentJson: string;
  readonly retry?: SendFrame['after'] | 'anywhere';
  readonly arrivedMs: number;
}

type State =
  /** Not in its room yet: what the client sends meanwhile waits, and what it is told waits for its welcome (V1). */
  | { readonly name: 'joining'; waiting: string[]; waitingBytes: number; readonly early: string[] }
  | { readonly name: 'joined'; readonly room: Room }
  | { readonly name: 'closed' };

/** A client may send this much before it is welcomed. */
const WAITING_BYTES_MAX = 1_048_576;
/** What a waiting frame costs beside its bytes. */
const WAITING_OVERHEAD_BYTES = 64;

/**
 * A send as almost every client writes it: an id and a content without escapes, which stands in the frame of V2 as it
 * stands here. Anything else is parsed.
 */
const ORDINARY_SEND = /^\{"type":"send","id":"([A-Za-z0-9._~-]{1,64})","content":("[^"\\\p{Cc}]+")\}$/u;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One client: reads its frames, writes what its room delivers. Knows neither Redis nor the WebSocket library. */
export class Connection implements Member {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #rate: RateLimit;
  #state: State = { name: 'joining', waiting: [], waitingBytes: 0, early: [] };
  /** Set with the first dropped frame: none is sent after it (F6). */
  #dropped = false;
  #drained: (() => void) | undefined;
  /** Whose frames it is sent without being written to. */
  #group: string | undefined;
  /** What a plain member was shown while Redis was away. */
  #shown: Set<string> | undefined;
  /** Made with its first message. */
  #senderJson: string | undefined;
  /** When the latest invalid frames came; there are none on almost every connection. */
  #invalidMs: number[] = [];

  constructor(
    socket: Socket,
    host: ConnectionHost,
    readonly sessionId: string,
    readonly protocol: WireProtocol,
    readonly request: ConnectRequest,
    readonly identity: Identity,
  ) {
    this.#socket = socket;
    this.#host = host;
    this.#rate = new RateLimit(host.messagesPerSecond, host.messagesPerSecond * 2, host.clock.monotonic());
  }

  /** Its sender name as JSON (C7). */
  get senderJson(): string {
    this.#senderJson ??= JSON.stringify(this.identity.sender);
    return this.#senderJson;
  }

  get connectionId(): string {
    return this.identity.connectionId;
  }

  get persistent(): boolean {
    return this.request.redisPersistence;
  }

  get presence(): boolean {
    return this.request.presence;
  }

  get closed(): boolean {
    return this.#state.name === 'closed';
  }

  get room(): Room | undefined {
    return this.#state.name === 'joined' ? this.#state.room : undefined;
  }

  /** From here on its messages go to the room; those that waited go first. */
  joined(room: Room): void {
    if (this.#state.name !== 'joining') return;
    const { waiting, early } = this.#state;
    this.#state = { name: 'joined', room };
    this.write(early);
    for (const text of waiting) this.#read(text, room);
  }

  /** One interval after opening, and then every interval (P3, V5). */
  heartbeat(): void {
    if (this.#state.name !== 'joined') return;
    const timestamp = this.#host.clock.now();
    const { room } = this.#state;
    const seq = room.audience.isLate(this) ? 0 : room.seq;
    if (this.protocol === 'framed') this.tell({ type: 'heartbeat', timestamp, seq });
    else this.write([JSON.stringify({ ts: new Date(timestamp).toISOString() })]);
  }

  /** P4: the last frame of a plain connection before a shutdown. @param total the session's count */
  bye(total: number): void {
    const message = 'The server is restarting. Connect again: your session goes on.';
    this.write([JSON.stringify({ bye: true, total, message })]);
    this.close(CLOSE.goingAway);
  }

  /** The socket is gone. */
  ended(): void {
    this.#state = { name: 'closed' };
    this.#released();
  }

  receive(data: ArrayBuffer, isBinary: boolean): void {
    if (data.byteLength > this.#host.maxMessageBytes * FRAME_BYTES_FACTOR) return this.close(CLOSE.tooBig);
    const text = decode(data, isBinary);
    if (text === undefined) {
      return this.#refuse({ code: 'invalid_frame', message: 'a binary frame must be valid UTF-8' });
    }
    switch (this.#state.name) {
      case 'joined':
        return this.#read(text, this.#state.room);
      case 'joining':
        return this.#wait(this.#state, text, data.byteLength);
      case 'closed':
        return;
    }
  }

  write(frames: readonly (string | Uint8Array)[]): void {
    const only = frames[0];
    if (this.closed || this.#dropped || only === undefined) return;
    if (frames.length === 1) this.#writeOne(only);
    else this.#socket.cork(() => frames.every((frame) => this.#writeOne(frame)));
  }

  group(name: string | undefined): boolean {
    if (this.#group === name || this.closed || this.protocol === 'plain') return this.#group !== undefined;
    if (this.#group !== undefined) this.#socket.leaveGroup?.(this.#group);
    this.#group = name !== undefined && this.#socket.enterGroup && !this.#dropped ? name : undefined;
    if (this.#group !== undefined) this.#socket.enterGroup?.(this.#group);
    return this.#group !== undefined;
  }

  checkBacklog(): void {
    if (!this.closed && !this.#dropped && this.#socket.bufferedBytes() > this.#host.maxBackpressureBytes) this.#drop();
  }

  showPending(name: string): boolean {
    // A framed client finds the message by its id (V3).
    if (this.protocol === 'framed') return true;
    this.#shown ??= new Set();
    return !this.#shown.has(name) && this.#shown.add(name).has(name);
  }

  sawPending({ senderKey, id }: { readonly senderKey: string; readonly id: string }): boolean {
    return this.#shown?.delete(`${senderKey} ${id}`) === true;
  }

  tell(frame: ServerFrame): void {
    if (frame.type === 'error') this.#host.errorSent(frame.code);
    if (this.protocol === 'framed' && this.#state.name === 'joining' && frame.type !== 'welcome') {
      this.#state.early.push(JSON.stringify(frame));
    } else if (this.protocol === 'framed' || frame.type === 'error') this.write([JSON.stringify(frame)]);
    else if (frame.type === 'broadcast') {
      const { id: _framedOnly, ...broadcast } = frame;
      this.write([JSON.stringify(broadcast)]);
    }
  }

  bufferedBytes(): number {
    return this.closed ? 0 : this.#socket.bufferedBytes();
  }

  onceDrained(callback: () => void): void {
    if (this.closed || this.#socket.bufferedBytes() === 0) return callback();
    this.#drained = callback;
  }

  /** The network has taken what was buffered, or some of it. */
  drained(): void {
    if (!this.closed && this.#socket.bufferedBytes() === 0) this.#released();
  }

  close(code: CloseCode): void {
    if (!this.closed) this.#socket.close(code.code, code.reason);
  }

  #released(): void {
    const callback = this.#drained;
    this.#drained = undefined;
    callback?.();
  }

  #writeOne(frame: string | Uint8Array): boolean {
    if (this.#dropped || this.closed) return false;
    if (this.#socket.send(frame) !== 'dropped') return true;
    this.#drop();
    return false;
  }

  #drop(): void {
    this.#dropped = true;
    this.group(undefined);
    this.#host.tooSlow();
    // Closing a socket while it is written to crashes the library.
    this.#host.clock.defer(() => this.close(CLOSE.tooSlow));
  }

  #wait(state: Extract<State, { name: 'joining' }>, text: string, bytes: number): void {
    state.waitingBytes += bytes + WAITING_OVERHEAD_BYTES;
    if (state.waitingBytes <= WAITING_BYTES_MAX) state.waiting.push(text);
    else this.close(CLOSE.overloaded);
  }

  #read(text: string, room: Room): void {
    if (this.closed) return;
    if (this.protocol === 'plain') this.#readPlain(text, room);
    else this.#readFramed(text, room);
  }

  #readPlain(content: string, room: Room): void {
    const problem = contentProblem(content, this.#host.maxMessageBytes);
    if (problem) this.#refuse(problem);
    else this.#send({ contentJson: JSON.stringify(content), arrivedMs: this.#host.clock.monotonic() }, room);
  }

  #readFramed(text: string, room: Room): void {
    // A string's UTF-8 takes one to three bytes per unit: none of these is too large.
    const ordinary = text.length * 3 <= this.#host.maxMessageBytes ? ORDINARY_SEND.exec(text) : null;
    if (ordinary) {
      const arrivedMs = this.#host.clock.monotonic();
      return this.#send({ id: ordinary[1], contentJson: ordinary[2] ?? '', arrivedMs }, room);
    }
    const parsed = parseClientFrame(text, this.#host.maxMessageBytes);
    if (!parsed.ok) return this.#refuse(parsed.problem);
    const { frame } = parsed;
    switch (frame.type) {
      case 'send': {
        const { id, content, retry, after } = frame;
        const contentJson = JSON.stringify(content);
        const arrivedMs = this.#host.clock.monotonic();
        return this.#send(
          retry ? { id, contentJson, retry: after ?? 'anywhere', arrivedMs } : { id, contentJson, arrivedMs },
          room,
        );
      }
      case 'signal':
        return this.#host.signal(this, room, frame);
      case 'ping':
        return this.tell(frame.id === undefined ? { type: 'pong' } : { type: 'pong', id: frame.id });
      case 'auth':
        // Without configured authentication there is no token to replace.
        return;
    }
  }

  #send(message: OutgoingMessage, room: Room): void {
    this.#host.messageArrived();
    const retryAfterMs = this.#rate.take(message.arrivedMs);
    if (retryAfterMs === 0) return this.#host.send(this, room, message);
    this.#host.messageRefused();
    const id = message.id === undefined ? {} : { id: message.id };
    const text = `at most ${this.#host.messagesPerSecond} messages a second`;
    this.tell({ type: 'error', code: 'rate_limited', message: text, ...id, retryAfterMs });
  }

  #refuse(problem: FrameProblem): void {
    this.tell({ type: 'error', ...problem });
    if (problem.code === 'invalid_frame' && this.#tooManyInvalid()) this.close(CLOSE.protocolAbuse);
  }

  #tooManyInvalid(): boolean {
    const nowMs = this.#host.clock.monotonic();
    this.#invalidMs = [...this.#invalidMs, nowMs].filter((ms) => nowMs - ms < INVALID_FRAME_WINDOW_MS);
    return this.#invalidMs.length >= INVALID_FRAME_LIMIT;
  }
}

/** The library has checked text frames; what it hands over is valid only now, so it is copied into a string. */
function decode(data: ArrayBuffer, isBinary: boolean): string | undefined {
  if (!isBinary) return Buffer.from(data).toString('utf8');
  try {
    return utf8.decode(data);
  } catch {
    return undefined;
  }
}
