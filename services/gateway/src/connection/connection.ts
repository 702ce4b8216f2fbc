import { CLOSE, type CloseCode, FRAME_BYTES_FACTOR, type ServerFrame, type WireProtocol } from '@holdfast/protocol';
import { messageName } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import type { Clock } from '../ports/clock.js';
import type { Member } from '../ports/member.js';
import type { Socket, SocketEvents } from '../ports/socket.js';
import type { Room } from '../room/room.js';
import type { FrameHandler, FrameSender } from './frame-handler.js';
import type { WheelConnection } from './heartbeat-wheel.js';
import { type HeldFrame, HeldFrames } from './held-frames.js';
import type { Identity } from './identity.js';
import { copyText } from './inbound.js';
import type { OrderedConnection } from './ordered-closes.js';
import { SendLimits } from './send-limits.js';
import type { TokenHolder } from './token-watch.js';

/** What all connections of a gateway share. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly metrics: Pick<GatewayMetrics, 'counters' | 'errorSent'>;
  /** Does what the frames of clients ask for. */
  readonly frames: FrameHandler;
  readonly limits: ConnectionLimits;
  /** The socket's close event has come, with this code. Called once, as the connection's last act. */
  ended(connection: Connection, code: number): void;
}

export interface ConnectionLimits {
  /** Of one content (C6). Bytes. */
  readonly maxMessageBytes: number;
  /** Of the send buffer: a connection that lets more pile up is closed (F6). Bytes. */
  readonly maxBackpressureBytes: number;
  /** Frames of any kind (V24). 0 is no limit. */
  readonly framesPerSecond: number;
}

/** What the upgrade request asked for. */
export interface ConnectionTerms extends Pick<Member, 'protocol' | 'persistent' | 'presence'> {
  readonly sessionId: string;
  /** The address that `MAX_CONNECTIONS_PER_IP` counts it under; empty without that limit. */
  readonly address: string;
}

/**
 * One client: turns its frames into requests, and writes what its room delivers. It knows neither Redis nor the
 * WebSocket library.
 *
 * The states, in their order: waiting for the welcome, in a room, closed. A gateway has very many connections, and most
 * of them send nothing: whatever only some connections need is made when they need it.
 */
export class Connection implements Member, FrameSender, TokenHolder, OrderedConnection, WheelConnection, SocketEvents {
  readonly sessionId: string;
  readonly protocol: WireProtocol;
  readonly persistent: boolean;
  readonly presence: boolean;
  readonly address: string;
  readonly connectionId: string;
  readonly sender: string;
  readonly senderKey: string;
  firstBeat = 0;
  slotIndex = 0;
  mayWrite = true;
  expirySecond = 0;
  issuedSecond = 0;
  readonly openedSecond: number;
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  /** Undefined: closed. */
  #state: HeldFrames | Room | undefined = new HeldFrames(undefined);
  /** Set when the backlog has passed the limit, or a frame was dropped for it: no frame is sent after that (F6). */
  #dropped = false;
  /** Whom to call when the send buffer is empty. */
  #onDrained: (() => void) | undefined;
  /** The group whose published frames the socket gets. */
  #group: string | undefined;
  /** Names of the messages that a plain client was shown before they were stored (D3). */
  #shown: Set<string> | undefined;
  /** Made with the first frame of the client. */
  #sendLimits: SendLimits | undefined;

  constructor(socket: Socket, context: ConnectionContext, terms: ConnectionTerms, identity: Identity) {
    this.#socket = socket;
    this.#context = context;
    this.openedSecond = Math.floor(context.clock.now() / 1000);
    this.sessionId = terms.sessionId;
    this.protocol = terms.protocol;
    this.persistent = terms.persistent;
    this.presence = terms.presence;
    this.address = terms.address;
    this.connectionId = identity.connectionId;
    this.sender = identity.sender;
    this.senderKey = identity.senderKey;
  }

  get closed(): boolean {
    return this.#state === undefined;
  }

  /** The room it was welcomed to, until it closes. */
  get room(): Room | undefined {
    return this.#state instanceof HeldFrames ? this.#state.room : this.#state;
  }

  /** The welcome was written: from here on the client's messages go to the room. */
  enterRoom(room: Room): void {
    if (this.#state instanceof HeldFrames) this.#release(this.#state, room);
  }

  hold(room: Room): () => void {
    const held = new HeldFrames(room);
    this.#state = held;
    return () => {
      if (this.#state === held) this.#release(held, room);
    };
  }

  /** Sends a heartbeat (P3, V5): one interval after opening, then once an interval; none before the welcome. */
  heartbeat(): void {
    const { room } = this;
    if (!room) return;
    const timestamp = this.#context.clock.now();
    const seq = room.audience.isLate(this) ? 0 : room.delivered.seq;
    if (this.protocol === 'framed') this.tell({ type: 'heartbeat', timestamp, seq });
    else this.write([JSON.stringify({ ts: new Date(timestamp).toISOString() })]);
  }

  /** Says good-bye to a plain client before a shutdown, and closes (P4). @param total the session's message count */
  bye(total: number): void {
    const message = 'The server is restarting. Connect again: your session goes on.';
    this.write([JSON.stringify({ bye: true, total, message })]);
    this.close(CLOSE.goingAway);
  }

  ended(code: number): void {
    this.#state = undefined;
    this.#callDrained();
    this.#context.ended(this, code);
  }

  receive(data: ArrayBuffer, isBinary: boolean): void {
    if (data.byteLength > this.#context.limits.maxMessageBytes * FRAME_BYTES_FACTOR) return this.close(CLOSE.tooBig);
    const nowMs = this.#context.clock.monotonic();
    const retryAfterMs = this.limitsAt(nowMs).takeFrame(nowMs);
    const text = copyText(data, isBinary);
    if (text === undefined) {
      const message = 'a binary frame must be valid UTF-8';
      return this.#context.frames.refuse(this, { code: 'invalid_frame', message });
    }
    if (retryAfterMs > 0) return this.#context.frames.tooMany(this, text, retryAfterMs, nowMs);
    const state = this.#state;
    if (state instanceof HeldFrames) this.#keep(state, text);
    else if (state) this.#context.frames.handle(this, text, state, nowMs);
  }

  inTurn(action: () => void): void {
    const state = this.#state;
    if (state instanceof HeldFrames) this.#keep(state, action);
    else action();
  }

  receiveControl(): void {
    const nowMs = this.#context.clock.monotonic();
    const limits = this.limitsAt(nowMs);
    if (limits.takeFrame(nowMs) > 0 && limits.takeExcess(nowMs)) this.close(CLOSE.rate);
    // The server has sent a pong, whatever is buffered.
    else this.checkBacklog();
  }

  write(frames: readonly (string | Uint8Array)[]): void {
    const only = frames[0];
    if (this.closed || this.#dropped || only === undefined) return;
    if (frames.length === 1) this.#writeOne(only);
    else this.#socket.cork(() => frames.every((frame) => this.#writeOne(frame)));
  }

  group(name: string | undefined): boolean {
    if (this.#group === name || this.closed || this.protocol === 'plain') return this.#group !== undefined;
    if (this.#group !== undefined) this.#socket.leaveGroup?.();
    this.#group = name !== undefined && this.#socket.enterGroup && !this.#dropped ? name : undefined;
    if (this.#group !== undefined) this.#socket.enterGroup?.(this.#group);
    return this.#group !== undefined;
  }

  checkBacklog(): void {
    if (this.closed || this.#dropped) return;
    if (this.#socket.bufferedBytes() > this.#context.limits.maxBackpressureBytes) this.#closeAsTooSlow();
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
    if (frame.type === 'error') this.#context.metrics.errorSent(frame.code);
    const held = this.#state instanceof HeldFrames && !this.#state.room ? this.#state : undefined;
    // The welcome is the first frame on the wire, whatever happens before it (V1).
    if (this.protocol === 'framed' && held && frame.type !== 'welcome') held.toClient.push(JSON.stringify(frame));
    else if (this.protocol === 'framed' || frame.type === 'error') this.write([JSON.stringify(frame)]);
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
    this.#onDrained = callback;
  }

  drained(): void {
    if (this.closed || this.#socket.bufferedBytes() > 0) return;
    this.#sendLimits?.drained(this.#context.clock.monotonic());
    this.#callDrained();
  }

  close(code: CloseCode): void {
    if (!this.closed) this.#socket.close(code.code, code.reason);
  }

  /** The wait is over: what was kept goes its way, in its order. */
  #release({ toClient, fromClient }: HeldFrames, room: Room): void {
    this.#state = room;
    this.write(toClient);
    const nowMs = this.#context.clock.monotonic();
    for (const frame of fromClient) {
      const state = this.#state;
      // One of these frames may have begun another wait.
      if (state instanceof HeldFrames) this.#keep(state, frame);
      else if (typeof frame === 'function') frame();
      else if (state) this.#context.frames.handle(this, frame, state, nowMs);
    }
  }

  #keep(held: HeldFrames, frame: HeldFrame): void {
    if (!held.keep(frame)) this.close(CLOSE.overloaded);
  }

  #callDrained(): void {
    const callback = this.#onDrained;
    this.#onDrained = undefined;
    callback?.();
  }

  /** @returns whether the frame after it may be written */
  #writeOne(frame: string | Uint8Array): boolean {
    if (this.#dropped || this.closed) return false;
    if (this.#socket.send(frame) !== 'dropped') return true;
    this.#closeAsTooSlow();
    return false;
  }

  /** Sends nothing more, and closes with 4408 (F6). */
  #closeAsTooSlow(): void {
    this.#dropped = true;
    this.group(undefined);
    this.#context.metrics.counters.backpressureCloses += 1;
    // uWebSockets.js crashes when a socket is closed while it is written to.
    this.#context.clock.defer(() => this.close(CLOSE.tooSlow));
  }

  limitsAt(nowMs: number): SendLimits {
    this.#sendLimits ??= new SendLimits(this.#context.limits.framesPerSecond, nowMs);
    return this.#sendLimits;
  }
}
