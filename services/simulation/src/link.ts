import type { SendOutcome, Socket, SocketEvents } from '@holdfast/gateway';
import { type Path, Pipe } from './pipe.js';
import type { Scheduler } from './scheduler.js';
import type { SimProcess } from './sim-process.js';
import type { SocketGroups } from './socket-groups.js';

/** The client's end of a link. */
export interface ClientEnd {
  readonly process: SimProcess;
  received(text: string): void;
  ended(code: number, reason: string): void;
}

/** The gateway's end of a link. */
export interface ServerEnd {
  readonly process: SimProcess;
  /** Absent: each socket is written to. */
  readonly groups?: SocketGroups | undefined;
  /** @returns nothing when the upgrade is refused */
  accept(link: Link): Accepted | undefined;
  gone(link: Link): void;
}

export interface Accepted {
  open(socket: Socket): SocketEvents;
  /** Gets every frame that the gateway puts on the link. */
  sent(text: string): void;
}

export interface LinkOptions {
  /** The name in messages. */
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly path: Path;
  readonly client: ClientEnd;
  readonly server: ServerEnd;
  /** Query of the upgrade request, without the question mark. */
  readonly query: string;
  /** `Sec-WebSocket-Protocol`. */
  readonly protocolHeader: string;
  /** `MAX_BACKPRESSURE_BYTES`. */
  readonly maxBackpressureBytes: number;
  /** Called when the gateway does what uWebSockets.js forbids (F6). */
  readonly misused: (what: string) => void;
}

type FromClient = { readonly kind: 'connect' } | { readonly kind: 'text'; readonly text: string } | Close;
type FromServer = { readonly kind: 'text'; readonly text: string } | Close;
interface Close {
  readonly kind: 'close';
  readonly code: number;
  readonly reason: string;
}

/** The close code of a connection that broke. */
const BROKEN = 1006;
/** How many bytes a client reads at once when it reads again. */
const CHUNK_BYTES = 1_500;

const encoder = new TextEncoder();

/** A WebSocket connection between a client and a gateway: both ends, and the network between them. */
export class Link {
  readonly name: string;
  readonly query: string;
  readonly protocolHeader: string;
  readonly #options: LinkOptions;
  readonly #toServer: Pipe<FromClient>;
  readonly #toClient: Pipe<FromServer>;
  #accepted: Accepted | undefined;
  #events: SocketEvents | undefined;
  #isServerOpen = false;
  #isClientOpen = true;
  #isStalled = false;
  /** Frames that the gateway has sent and the network has not taken yet. */
  #backlog: FromServer[] = [];
  #backlogBytes = 0;

  constructor(options: LinkOptions) {
    const { scheduler, path, client, server } = options;
    this.#options = options;
    this.name = options.name;
    this.query = options.query;
    this.protocolHeader = options.protocolHeader;
    this.#toServer = new Pipe(scheduler, path, (packet) => {
      if (server.process.alive) server.process.enter(() => this.#atServer(packet));
      else this.#toClient.send({ kind: 'close', code: BROKEN, reason: '' });
    });
    this.#toClient = new Pipe(scheduler, path, (packet) => client.process.enter(() => this.#atClient(packet)));
    this.#toServer.send({ kind: 'connect' });
  }

  /** Whether one of the ends still takes the link for open. */
  get isOpen(): boolean {
    return this.#isServerOpen || this.#isClientOpen;
  }

  get isServerOpen(): boolean {
    return this.#isServerOpen;
  }

  sendFromClient(text: string): void {
    if (this.#isClientOpen) this.#toServer.send({ kind: 'text', text });
  }

  closeFromClient(code: number): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    this.#toServer.send({ kind: 'close', code, reason: '' });
    this.#toClient.cut(0);
  }

  /** The connection breaks. Each end notices after its own time. Absent: that end does not notice. */
  cut(kept: number, serverNoticesMs: number | undefined, clientNoticesMs: number | undefined): void {
    const { scheduler, server, client } = this.#options;
    this.#toServer.cut(kept);
    this.#toClient.cut(kept);
    if (serverNoticesMs !== undefined) {
      scheduler.after(serverNoticesMs, () => server.process.enter(() => this.#serverClosed(BROKEN)));
    }
    if (clientNoticesMs !== undefined) {
      scheduler.after(clientNoticesMs, () => client.process.enter(() => this.#clientEnded(BROKEN, '')));
    }
  }

  /** The gateway's process has died. @param clientNoticesMs absent: its machine has died too, and nobody is told */
  serverDied(kept: number, clientNoticesMs: number | undefined): void {
    this.#isServerOpen = false;
    this.cut(kept, undefined, clientNoticesMs);
  }

  /** The page was unloaded. */
  clientDied(code: number): void {
    this.closeFromClient(code);
  }

  /** The client reads nothing for some time. */
  stall(ms: number): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    this.#options.scheduler.after(ms, () => this.#flush());
  }

  #atServer(packet: FromClient): void {
    switch (packet.kind) {
      case 'connect':
        return this.#connect();
      case 'text':
        if (this.#isServerOpen) this.#events?.receive(encoder.encode(packet.text).buffer as ArrayBuffer, false);
        return;
      case 'close':
        return this.#serverClosed(packet.code);
    }
  }

  #connect(): void {
    this.#accepted = this.#options.server.accept(this);
    if (!this.#accepted) return this.#toClient.send({ kind: 'close', code: BROKEN, reason: '' });
    this.#isServerOpen = true;
    this.#events = this.#accepted.open(new ServerSocket(this, this.#options.server.groups));
  }

  #atClient(packet: FromServer): void {
    if (packet.kind === 'close') this.#clientEnded(packet.code, packet.reason);
    else if (this.#isClientOpen) this.#options.client.received(packet.text);
  }

  #clientEnded(code: number, reason: string): void {
    if (!this.#isClientOpen) return;
    this.#isClientOpen = false;
    this.#options.client.ended(code, reason);
  }

  #serverClosed(code: number): void {
    if (!this.#isServerOpen) return;
    this.#isServerOpen = false;
    this.#options.server.gone(this);
    this.#events?.ended(code);
  }

  /** For {@link ServerSocket}. */
  takeFromServer(frame: string | Uint8Array): SendOutcome {
    if (!this.#isServerOpen) this.#options.misused('a frame was sent after the close event');
    // As in uWebSockets.js, a socket that is already beyond the limit takes no more.
    if (this.#backlogBytes > this.#options.maxBackpressureBytes) return 'dropped';
    return this.#take(frame);
  }

  /** For {@link SocketGroups}. What is published is never dropped. */
  publishFromServer(frame: Uint8Array): void {
    if (this.#isServerOpen) this.#take(frame);
  }

  #take(frame: string | Uint8Array): SendOutcome {
    const text =
      typeof frame === 'string' ? frame : Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString();
    this.#accepted?.sent(text);
    if (!this.#isStalled) {
      this.#toClient.send({ kind: 'text', text });
      return 'sent';
    }
    this.#backlog.push({ kind: 'text', text });
    this.#backlogBytes += Buffer.byteLength(text);
    return 'buffered';
  }

  get bufferedBytes(): number {
    if (!this.#isServerOpen) this.#options.misused('the buffer was asked for after the close event');
    return this.#backlogBytes;
  }

  closeFromServer(code: number, reason: string): void {
    if (!this.#isServerOpen) this.#options.misused('a socket was closed after the close event');
    const close: Close = { kind: 'close', code, reason };
    if (this.#isStalled) this.#backlog.push(close);
    else this.#toClient.send(close);
    this.#serverClosed(code);
  }

  /** The client reads the backlog, chunk by chunk. */
  #flush(): void {
    if (!this.#options.server.process.alive) return;
    let bytes = 0;
    while (bytes < CHUNK_BYTES) {
      const packet = this.#backlog.shift();
      if (!packet) break;
      bytes += packet.kind === 'text' ? Buffer.byteLength(packet.text) : 0;
      this.#toClient.send(packet);
    }
    this.#backlogBytes -= bytes;
    if (this.#backlog.length === 0) this.#isStalled = false;
    else this.#options.scheduler.after(1, () => this.#flush());
    this.#options.server.process.enter(() => {
      if (this.#isServerOpen) this.#events?.drained();
    });
  }
}

/** The socket that the gateway gets. */
class ServerSocket implements Socket {
  readonly enterGroup?: (group: string) => void;
  readonly leaveGroup?: () => void;
  readonly #link: Link;

  constructor(link: Link, groups?: SocketGroups) {
    this.#link = link;
    if (!groups) return;
    this.enterGroup = (group) => groups.enter(group, link);
    this.leaveGroup = () => groups.leave(link);
  }

  send(frame: string | Uint8Array): SendOutcome {
    return this.#link.takeFromServer(frame);
  }

  bufferedBytes(): number {
    return this.#link.bufferedBytes;
  }

  cork(write: () => void): void {
    write();
  }

  close(code: number, reason: string): void {
    this.#link.closeFromServer(code, reason);
  }
}
