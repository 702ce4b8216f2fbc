import { type ClientFrame, FRAMED_PROTOCOL, type ServerFrame, type WelcomeFrame } from '@holdfast/protocol';
import { Timer } from './clock.js';
import type { ConnectTarget } from './connect-target.js';
import type { Settings, WebSocketLike } from './options.js';

export interface LinkHandler {
  received(link: Link, frame: ServerFrame): void;
  /** Called once, unless {@link Link.close} was called before. */
  ended(link: Link, code: number, reason: string): void;
}

/** A send without an answer for this long is followed by a ping; a ping without one ends the link. */
const ANSWER_MS = 5_000;
/** A link is dead after two heartbeat intervals of silence and this much more, which slow networks need. */
const SILENCE_SLACK_MS = 5_000;
/** The beginning of the subprotocol that brings the token (U6). */
const BEARER = 'bearer.';
/** The close code that browsers report for a connection that broke without a close frame. */
const BROKEN = 1006;
/** Fields that the client cannot do without, by frame type. Other types may come from a later release and pass. */
const REQUIRED_FIELDS: Partial<Record<string, string>> = {
  welcome: 'seq firstSeq heartbeatMs maxMessageBytes',
  message: 'id content sender',
  ack: 'id seq',
  heartbeat: 'seq',
  session: 'event',
  drain: 'reconnectInMs deadlineMs',
  error: 'code',
};

type SocketEvents = WebSocketLike & {
  onmessage: (event: { data: unknown }) => void;
  onclose: (event: { code: number; reason: string }) => void;
  onerror: (event: { message?: string }) => void;
};

/** One WebSocket. Reads its frames, and notices when it does not open, is not welcomed, or has gone silent. */
export class Link {
  /** Where this link connects. Absent until the address is there. */
  target: ConnectTarget | undefined;
  readonly #settings: Settings;
  readonly #handler: LinkHandler;
  readonly #getTarget: () => Promise<ConnectTarget> | ConnectTarget;
  readonly #watchdog: Timer;
  #socket: WebSocketLike | undefined;
  /** The newest welcome; absent before the first. */
  #welcome: WelcomeFrame | undefined;
  #isLive = true;
  /** When the newest frame arrived, monotonic milliseconds. */
  #heardAt = 0;
  /** When the oldest send or ping went out that no frame has followed, monotonic milliseconds. */
  #unansweredSince: number | undefined;
  #isPinged = false;

  /** @param getTarget gives the address when the link opens; the position may have moved by then */
  constructor(settings: Settings, getTarget: () => Promise<ConnectTarget> | ConnectTarget, handler: LinkHandler) {
    this.#settings = settings;
    this.#getTarget = getTarget;
    this.#handler = handler;
    this.#watchdog = new Timer(settings.clock);
  }

  /** Connects. The constructor does not, because the handler may be called before this method returns. */
  open(): void {
    if (!this.#isLive) return;
    this.#watchdog.set(this.#settings.connectTimeoutMs, () => this.#end(BROKEN, 'no welcome in time'));
    void this.#connect();
  }

  send(frame: ClientFrame): void {
    if (!this.#isLive) return;
    this.#socket?.send(JSON.stringify(frame));
    if (this.#unansweredSince !== undefined) return;
    this.#unansweredSince = this.#settings.clock.monotonic();
    this.#watchSilence();
  }

  /** Sends a ping. The link ends when no frame at all arrives within 5 s. */
  probe(): void {
    this.#isPinged = true;
    this.#unansweredSince = undefined;
    this.send({ type: 'ping' });
  }

  /** Closes the socket. The handler is not called any more. */
  close(): void {
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#watchdog.clear();
    this.#socket?.close(1000);
  }

  /** Awaits the address only when it is a promise; otherwise the socket exists when this method returns. */
  async #connect(): Promise<void> {
    try {
      const answer = this.#getTarget();
      const target = answer instanceof Promise ? await answer : answer;
      if (!this.#isLive) return;
      this.target = target;
      const protocols = target.token ? [FRAMED_PROTOCOL, BEARER + target.token] : [FRAMED_PROTOCOL];
      const socket = new this.#settings.webSocket(target.url, protocols) as SocketEvents;
      this.#socket = socket;
      socket.onmessage = ({ data }) => this.#received(data);
      let problem = '';
      socket.onclose = ({ code, reason }) => this.#end(code, reason || problem);
      // The close event follows. The package ws says here what a refused upgrade was answered; browsers say nothing.
      socket.onerror = ({ message }) => {
        problem = message ?? '';
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
      this.#welcome = frame;
      this.#watchSilence();
    }
    if (this.#welcome) this.#handler.received(this, frame);
  }

  /** Keeps one timer, for the earliest moment at which the link may be dead. It is set again when that moment comes. */
  #watchSilence(): void {
    if (!this.#isLive || !this.#welcome) return;
    const { clock } = this.#settings;
    const silentAt = this.#heardAt + 2 * this.#welcome.heartbeatMs + SILENCE_SLACK_MS;
    const unansweredAt = this.#unansweredSince === undefined ? silentAt : this.#unansweredSince + ANSWER_MS;
    const now = clock.monotonic();
    const due = Math.min(silentAt, unansweredAt) - now;
    if (due > 0) this.#watchdog.set(due, () => this.#watchSilence());
    else if (this.#isPinged || silentAt <= now) this.#end(BROKEN, 'silent');
    else this.probe();
  }

  #end(code: number, reason: string): void {
    if (!this.#isLive) return;
    this.close();
    this.#handler.ended(this, code, reason);
  }
}

/** @throws SyntaxError or TypeError for data that no server of this protocol sends */
function readFrame(data: unknown): ServerFrame {
  const frame = JSON.parse(String(data)) as Record<string, unknown>;
  const type = String(frame['type']);
  for (const name of REQUIRED_FIELDS[type]?.split(' ') ?? []) {
    if (frame[name] == null) throw new TypeError(`${type} without ${name}`);
  }
  return frame as unknown as ServerFrame;
}
