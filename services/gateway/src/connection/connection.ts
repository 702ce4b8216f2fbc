import {
  CLOSE,
  type CloseCode,
  contentProblem,
  FRAME_BYTES_FACTOR,
  type FrameProblem,
  parseClientFrame,
  type ServerFrame,
  type SignalSendFrame,
  type WireProtocol,
} from '@holdfast/protocol';
import { messageName } from '@holdfast/session-store';
import type { Clock } from '../ports/clock.js';
import type { Member } from '../ports/member.js';
import type { Socket, SocketEvents } from '../ports/socket.js';
import type { Room } from '../room/room.js';
import type { Connected } from './heartbeat-wheel.js';
import type { Identity } from './identity.js';
import { Joining } from './joining.js';
import { ordinarySend } from './ordinary-send.js';
import type { OutgoingMessage } from './outgoing-message.js';
import { readText } from './read-text.js';
import { Speaker } from './speaker.js';

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
  /** It is gone. @param code how it was closed */
  ended(connection: Connection, code: number): void;
}

/** What was agreed on when it connected. */
export interface ConnectionTerms {
  readonly sessionId: string;
  readonly protocol: WireProtocol;
  readonly persistent: boolean;
  readonly presence: boolean;
  /** Where it comes from, where that counts; else empty. */
  readonly address: string;
}

/**
 * One client: reads its frames, writes what its room delivers. Knows neither Redis nor the WebSocket library. There are
 * many of them, most of them silent: what only some need is made when they do.
 */
export class Connection implements Member, Identity, Connected, SocketEvents {
  readonly sessionId: string;
  readonly protocol: WireProtocol;
  readonly persistent: boolean;
  readonly presence: boolean;
  readonly address: string;
  readonly connectionId: string;
  readonly sender: string;
  readonly senderKey: string;
  beatsFrom = 0;
  place = 0;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  #state: Joining | Room | undefined = new Joining();
  /** Set with the first dropped frame: none is sent after it (F6). */
  #dropped = false;
  #drained: (() => void) | undefined;
  /** Whose frames it is sent without being written to. */
  #group: string | undefined;
  /** What a plain member was shown while Redis was away. */
  #shown: Set<string> | undefined;
  #speaker: Speaker | undefined;

  constructor(socket: Socket, host: ConnectionHost, terms: ConnectionTerms, identity: Identity) {
    this.#socket = socket;
    this.#host = host;
    this.sessionId = terms.sessionId;
    this.protocol = terms.protocol;
    this.persistent = terms.persistent;
    this.presence = terms.presence;
    this.address = terms.address;
    this.connectionId = identity.connectionId;
    this.sender = identity.sender;
    this.senderKey = identity.senderKey;
  }

  /** Its sender name as JSON (C7). */
  get senderJson(): string {
    return this.#speaker?.senderJson ?? JSON.stringify(this.sender);
  }

  get closed(): boolean {
    return this.#state === undefined;
  }

  get room(): Room | undefined {
    return this.#state instanceof Joining ? undefined : this.#state;
  }

  /** From here on its messages go to the room; those that waited go first. */
  joined(room: Room): void {
    if (!(this.#state instanceof Joining)) return;
    const { waiting, early } = this.#state;
    this.#state = room;
    this.write(early);
    for (const text of waiting) this.#read(text, room);
  }

  /** One interval after opening, and then every interval (P3, V5); nothing while it is joining. */
  heartbeat(): void {
    const { room } = this;
    if (!room) return;
    const timestamp = this.#host.clock.now();
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

  ended(code: number): void {
    this.#state = undefined;
    this.#released();
    this.#host.ended(this, code);
  }

  receive(data: ArrayBuffer, isBinary: boolean): void {
    if (data.byteLength > this.#host.maxMessageBytes * FRAME_BYTES_FACTOR) return this.close(CLOSE.tooBig);
    const text = readText(data, isBinary);
    if (text === undefined) {
      return this.#refuse({ code: 'invalid_frame', message: 'a binary frame must be valid UTF-8' });
    }
    if (!(this.#state instanceof Joining)) {
      if (this.#state) this.#read(text, this.#state);
    } else if (!this.#state.hold(text, data.byteLength)) this.close(CLOSE.overloaded);
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

  sawPending(message: { readonly senderKey: string; readonly id: string }): boolean {
    return this.#shown?.delete(messageName(message)) === true;
  }

  tell(frame: ServerFrame): void {
    if (frame.type === 'error') this.#host.errorSent(frame.code);
    if (this.protocol === 'framed' && this.#state instanceof Joining && frame.type !== 'welcome') {
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
    const ordinary = ordinarySend(text, this.#host.maxMessageBytes);
    if (ordinary) {
      const arrivedMs = this.#host.clock.monotonic();
      return this.#send({ id: ordinary.id, contentJson: ordinary.contentJson, arrivedMs }, room);
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
    const retryAfterMs = this.#speaking(message.arrivedMs).takeTurn(message.arrivedMs);
    if (retryAfterMs === 0) return this.#host.send(this, room, message);
    this.#host.messageRefused();
    const id = message.id === undefined ? {} : { id: message.id };
    const text = `at most ${this.#host.messagesPerSecond} messages a second`;
    this.tell({ type: 'error', code: 'rate_limited', message: text, ...id, retryAfterMs });
  }

  #speaking(nowMs: number): Speaker {
    this.#speaker ??= new Speaker(this.sender, this.#host.messagesPerSecond, nowMs);
    return this.#speaker;
  }

  #refuse(problem: FrameProblem): void {
    this.tell({ type: 'error', ...problem });
    if (problem.code !== 'invalid_frame') return;
    const nowMs = this.#host.clock.monotonic();
    if (this.#speaking(nowMs).misspoke(nowMs)) this.close(CLOSE.protocolAbuse);
  }
}
