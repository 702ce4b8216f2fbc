import { type ClientFrame, FRAMED_PROTOCOL, type ServerFrame, type WelcomeFrame } from '@holdfast/protocol';
import { Alarm } from './alarm.js';
import type { Settings, WebSocketLike } from './options.js';
import { readFrame } from './read-frame.js';

/** Where a link connects, and what history it asks for there. */
export interface Target {
  readonly url: string;
  readonly asked: Asked;
}

/** What a connection asked for: nothing, the kept history (R3), or what follows the position with this number (R1). */
export type Asked = 'live' | 'kept' | number;

export interface LinkHandler {
  received(link: Link, frame: ServerFrame): void;
  /** Once, unless {@link Link.close} was called before. */
  ended(link: Link, code: number, reason: string): void;
}

/** Time without an answer to a send or a ping after which the link is asked whether it lives, and then given up. */
const ANSWER_MS = 5_000;
/** Silence after which a link is dead: two heartbeats, and this much for slow networks. */
const SILENCE_SLACK_MS = 5_000;
/** What browsers report for a connection that broke without a close frame. */
const BROKEN = 1006;

type SocketEvents = WebSocketLike & {
  onmessage: (event: { data: unknown }) => void;
  onclose: (event: { code: number; reason: string }) => void;
  onerror: () => void;
};

/** One WebSocket: reads its frames, and notices when it does not open, is not welcomed, or has gone silent. */
export class Link {
  asked: Asked = 'live';
  /** The newest welcome. Absent: not welcomed yet. */
  welcome: WelcomeFrame | undefined;
  readonly #settings: Settings;
  readonly #handler: LinkHandler;
  readonly #target: () => Promise<Target> | Target;
  readonly #watch: Alarm;
  #socket: WebSocketLike | undefined;
  #isLive = true;
  #heardAt = 0;
  /** When the oldest send or ping went out that nothing was heard after. */
  #unansweredSince: number | undefined;
  #isPinged = false;

  /** @param target gives the address, once it is needed: by then the position may have moved */
  constructor(settings: Settings, target: () => Promise<Target> | Target, handler: LinkHandler) {
    this.#settings = settings;
    this.#target = target;
    this.#handler = handler;
    this.#watch = new Alarm(settings.clock);
  }

  /** Connects. Apart from the constructor, because a handler may be called before it returns. */
  open(): void {
    if (!this.#isLive) return;
    this.#watch.set(this.#settings.connectTimeoutMs, () => this.#end(BROKEN, 'no welcome in time'));
    void this.#connect();
  }

  send(frame: ClientFrame): void {
    if (!this.#isLive) return;
    this.#socket?.send(JSON.stringify(frame));
    if (this.#unansweredSince !== undefined) return;
    this.#unansweredSince = this.#settings.clock.monotonic();
    this.#watchSilence();
  }

  /** Asks whether the other side is there; the link ends when nothing at all is heard within 5 s. */
  probe(): void {
    this.#isPinged = true;
    this.#unansweredSince = undefined;
    this.send({ type: 'ping' });
  }

  /** Closes the socket; nothing is told to the handler from now on. */
  close(): void {
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#watch.clear();
    this.#socket?.close(1000);
  }

  /** Waits only where there is something to wait for: else the socket is there when it returns. */
  async #connect(): Promise<void> {
    try {
      const coming = this.#target();
      const { url, asked } = coming instanceof Promise ? await coming : coming;
      if (!this.#isLive) return;
      this.asked = asked;
      const socket = new this.#settings.webSocket(url, [FRAMED_PROTOCOL]) as SocketEvents;
      this.#socket = socket;
      socket.onmessage = ({ data }) => this.#received(data);
      socket.onclose = ({ code, reason }) => this.#end(code, reason);
      socket.onerror = () => {
        // Says nothing that the close event after it does not say; unheard, the package ws would throw it.
      };
    } catch (error) {
      this.#end(BROKEN, String(error));
    }
  }

  #received(data: unknown): void {
    if (!this.#isLive) return;
    let frame: ServerFrame | undefined;
    try {
      frame = readFrame(data);
    } catch (error) {
      return this.#end(BROKEN, String(error));
    }
    this.#heardAt = this.#settings.clock.monotonic();
    this.#unansweredSince = undefined;
    this.#isPinged = false;
    if (frame.type === 'welcome') {
      this.welcome = frame;
      this.#watchSilence();
    }
    if (this.welcome) this.#handler.received(this, frame);
  }

  /** One timer for the earliest moment at which something has to be done; set again only when that has come. */
  #watchSilence(): void {
    if (!this.#isLive || !this.welcome) return;
    const { clock } = this.#settings;
    const silentAt = this.#heardAt + 2 * this.welcome.heartbeatMs + SILENCE_SLACK_MS;
    const unansweredAt = this.#unansweredSince === undefined ? silentAt : this.#unansweredSince + ANSWER_MS;
    const now = clock.monotonic();
    const due = Math.min(silentAt, unansweredAt) - now;
    if (due > 0) this.#watch.set(due, () => this.#watchSilence());
    else if (this.#isPinged || silentAt <= now) this.#end(BROKEN, 'silent');
    else this.probe();
  }

  #end(code: number, reason: string): void {
    if (!this.#isLive) return;
    this.close();
    this.#handler.ended(this, code, reason);
  }
}
