import type { PublishToGroup, SendOutcome, Socket, SocketEvents } from '../ports/socket.js';

type Frame = string | Uint8Array;

/** A WebSocket of the library: the part that is used. */
export interface LibraryWebSocket {
  /** Returns an index of {@link SENDS}. */
  send(frame: Frame, isBinary: boolean): number;
  getBufferedAmount(): number;
  cork(write: () => void): unknown;
  subscribe(group: string): boolean;
  unsubscribe(group: string): boolean;
  /** Sends a close frame behind what is buffered. */
  end(code: number, reason: string): void;
  /** Drops the connection, and frees its buffer. */
  close(): void;
}

/** What the library keeps with each socket. It has both fields from the beginning, so that no field is added later. */
export interface SocketData {
  open: ((socket: Socket) => SocketEvents) | undefined;
  socket: LibrarySocket | undefined;
}

/** What all sockets of a server share. */
export interface SocketContext {
  /** A socket with more than this many bytes unsent loses the next frame (F6). */
  readonly maxBackpressureBytes: number;
  readonly groups: SocketGroups;
}

/** What the library's `send` returns as a number. */
const SENDS: readonly SendOutcome[] = ['buffered', 'sent', 'dropped'];
/** Bytes that a waiting frame is counted with beside its own. */
const FRAME_OVERHEAD_BYTES = 64;
/**
 * Most bytes that may be left in the library's buffer behind a close. The library keeps them until the client has read
 * them, or has taken nothing for some time; and nobody counts that socket any more.
 */
const LEFT_AT_CLOSE_MAX_BYTES = 131_072;

/**
 * One socket of the library, and the only way to write to it.
 *
 * Only what the network takes at once is given to the library. From the first frame that it could not send on, frames
 * wait here, and the library gets them when its own buffer is empty. So what waits belongs to this process: frames are
 * not copied for each slow reader, and a close forgets them.
 *
 * Nothing is ever written within the library's drain callback: there the library forgets to ask for the next writable
 * event when a frame above 16 KiB is sent, and the socket would stay silent.
 */
export class LibrarySocket implements Socket {
  readonly #ws: LibraryWebSocket;
  readonly #context: SocketContext;
  /** Undefined before the opening and after the close event. */
  #events: SocketEvents | undefined;
  #group: string | undefined;
  /** Undefined: nothing is buffered, as far as this socket has heard. */
  #backlog: Backlog | undefined;
  /** The code that the server closed with. */
  #closedWith: number | undefined;

  constructor(ws: LibraryWebSocket, context: SocketContext) {
    this.#ws = ws;
    this.#context = context;
  }

  get events(): SocketEvents | undefined {
    return this.#events;
  }

  /** @param events the connection's */
  opened(events: SocketEvents): void {
    this.#events = events;
  }

  send(frame: Frame): SendOutcome {
    if (this.#backlog) return this.#isOverLimit() ? 'dropped' : this.enqueue(frame);
    const outcome = SENDS[this.#ws.send(frame, false)] ?? 'dropped';
    if (outcome === 'buffered') this.#fallBehind();
    return outcome;
  }

  bufferedBytes(): number {
    const bytes = this.#ws.getBufferedAmount();
    // The library itself has written: pongs, or what was published to the group.
    if (bytes > 0 && !this.#backlog) this.#fallBehind();
    return bytes + (this.#backlog?.bytes ?? 0);
  }

  cork(write: () => void): void {
    this.#ws.cork(write);
  }

  enterGroup(group: string): void {
    this.#group = group;
    if (this.#backlog) this.#context.groups.follow(group, this);
    else this.#ws.subscribe(group);
  }

  leaveGroup(): void {
    const group = this.#group;
    if (group === undefined) return;
    this.#group = undefined;
    if (this.#backlog) this.#context.groups.forget(group, this);
    else this.#ws.unsubscribe(group);
  }

  close(code: number, reason: string): void {
    this.#closedWith = code;
    // A close frame would have to wait behind what the client does not read, and the memory with it.
    if (this.#ws.getBufferedAmount() > LEFT_AT_CLOSE_MAX_BYTES) this.#ws.close();
    else this.#ws.end(code, reason);
  }

  /** A frame waits for its turn. For the group; {@link send} is for all others. */
  enqueue(frame: Frame): SendOutcome {
    this.#backlog?.add(frame);
    return 'buffered';
  }

  /** The library's drain callback. */
  drained(): void {
    setImmediate(() => this.#goOn());
  }

  /** The library's close callback. @param code as the library tells it */
  ended(code: number): void {
    const events = this.#events;
    this.#events = undefined;
    if (this.#backlog && this.#group !== undefined) this.#context.groups.forget(this.#group, this);
    this.#backlog = undefined;
    events?.ended(this.#closedWith ?? code);
  }

  #isOverLimit(): boolean {
    return this.bufferedBytes() > this.#context.maxBackpressureBytes;
  }

  /** What is published to the group waits here too, so that everything keeps its order. */
  #fallBehind(): void {
    this.#backlog = new Backlog();
    if (this.#group === undefined) return;
    // What was published before is in the library's buffer.
    this.#ws.unsubscribe(this.#group);
    this.#context.groups.follow(this.#group, this);
  }

  #goOn(): void {
    if (this.#events && this.#backlog) this.#flush(this.#backlog);
    this.#events?.drained();
  }

  #flush(backlog: Backlog): void {
    if (this.#ws.getBufferedAmount() > 0) return;
    this.#ws.cork(() => {
      for (let frame = backlog.take(); frame !== undefined; frame = backlog.take()) {
        if (this.#ws.send(frame, false) !== 1) return;
      }
    });
    if (backlog.bytes > 0 || this.#ws.getBufferedAmount() > 0) return;
    this.#backlog = undefined;
    if (this.#group === undefined) return;
    this.#context.groups.forget(this.#group, this);
    this.#ws.subscribe(this.#group);
  }
}

/** Frames that wait until the library's buffer is empty. */
class Backlog {
  /** Oldest first. Those that were taken are undefined. */
  #frames: (Frame | undefined)[] = [];
  #taken = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(frame: Frame): void {
    this.#frames.push(frame);
    this.#bytes += sizeOf(frame);
  }

  /** @returns the oldest frame; undefined when none waits */
  take(): Frame | undefined {
    const frame = this.#frames[this.#taken];
    if (frame === undefined) return undefined;
    this.#frames[this.#taken] = undefined;
    this.#taken += 1;
    this.#bytes -= sizeOf(frame);
    if (this.#taken === this.#frames.length) {
      this.#frames = [];
      this.#taken = 0;
    }
    return frame;
  }
}

function sizeOf(frame: Frame): number {
  return Buffer.byteLength(frame) + FRAME_OVERHEAD_BYTES;
}

/**
 * Groups of sockets that get the same frames. The library sends to the members without a backlog; the others follow
 * their group with frames of their own.
 */
export class SocketGroups {
  readonly #publish: PublishToGroup;
  readonly #followers = new Map<string, Set<LibrarySocket>>();

  /** @param publish sends to the library's subscribers */
  constructor(publish: PublishToGroup) {
    this.#publish = publish;
  }

  publish(group: string, frame: Uint8Array): void {
    this.#publish(group, frame);
    if (this.#followers.size === 0) return;
    for (const socket of this.#followers.get(group) ?? []) socket.enqueue(frame);
  }

  follow(group: string, socket: LibrarySocket): void {
    const followers = this.#followers.get(group);
    if (followers) followers.add(socket);
    else this.#followers.set(group, new Set([socket]));
  }

  forget(group: string, socket: LibrarySocket): void {
    const followers = this.#followers.get(group);
    if (followers?.delete(socket) && followers.size === 0) this.#followers.delete(group);
  }
}
