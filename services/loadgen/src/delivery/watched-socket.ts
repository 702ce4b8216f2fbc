import { type ClientOptions, type RawData, WebSocket } from 'ws';
import { LinkWatch, type ReportLink } from './link-watch.js';

/** What a member wants to know of its connections. */
export interface SocketOwner {
  readonly report: ReportLink;
  opened(socket: WatchedSocket): void;
  /** @param wasWelcomed whether it ever was a connection of the session */
  ended(socket: WatchedSocket, wasWelcomed: boolean): void;
}

const OPTIONS: ClientOptions & { closeTimeout: number } = {
  perMessageDeflate: false,
  // How long a server may take to answer a close, milliseconds; half-open links never do.
  closeTimeout: 1_000,
};

/** A real WebSocket whose frames are watched before the client library gets them. */
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
