import type { HttpRequest, HttpResponse, us_listen_socket, WebSocket } from 'uWebSockets.js';
import { createRequire } from 'node:module';
import { HTTP_ERRORS, httpFailure } from '@holdfast/protocol';
import type { Refusal, UpgradeRequest } from '../admission/admission.js';
import type { PublishToGroup, SendOutcome, Socket, SocketEvents } from '../ports/socket.js';
import { TurnLimit } from './turn-limit.js';

type Library = typeof import('uWebSockets.js');

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A socket with more in its send buffer loses the next frame (F6). Bytes. */
  readonly maxBackpressureBytes: number;
  /** Frames larger than this are cut without a close frame. Bytes. */
  readonly maxPayloadBytes: number;
  /** Decides before the upgrade: a refusal, or what to do with the socket once it is open. */
  accept(upgrade: UpgradeRequest): Refusal | { readonly subprotocol: string; open(socket: Socket): SocketEvents };
}

export interface Server {
  readonly port: number;
  publish: PublishToGroup;
  /** Takes no more connections; open ones stay. */
  stopListening(): void;
  /** Drops every connection. */
  close(): void;
}

/** The library takes options together with a host, which its types leave out. */
interface ExclusiveListener {
  listen(host: string, port: number, options: number, listening: (token: us_listen_socket | false) => void): void;
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`: a second gateway on a port fails, where it would silently share the connections. */
const EXCLUSIVE = 1;

/** Both fields from the beginning, so that neither needs memory beside the object. */
interface SocketData {
  open: ((socket: Socket) => SocketEvents) | undefined;
  events: SocketEvents | undefined;
}

const PATHS = ['/ws/chat', '/ws/chat/'];
const SENDS: readonly SendOutcome[] = ['buffered', 'sent', 'dropped'];
/** Seconds of silence after which a connection is dropped; the library pings before that. */
const IDLE_TIMEOUT_SECONDS = 120;
/** The library drops the connection itself for these, so that no close frame tells the client. */
const CUT_CODES: Readonly<Record<string, number>> = {
  'Received too big message': 1009,
  'Received invalid UTF-8': 1007,
};

/** Listens for WebSockets: the only file that knows the library. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const library = loadLibrary();
  const app = library.App();
  const turn = new TurnLimit();
  for (const path of PATHS) {
    app.ws<SocketData>(path, {
      maxPayloadLength: options.maxPayloadBytes,
      // The library's own limit drops the close frame as well: whoever is closed for it would never be told why.
      maxBackpressure: 0,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const accepted = options.accept({
          // Without a question mark the library gives undefined, whatever its types say.
          query: req.getQuery() ?? '',
          protocolHeader: req.getHeader('sec-websocket-protocol'),
          origin: req.getHeader('origin'),
          host: req.getHeader('host'),
          forwardedFor: everyHeader(req, 'x-forwarded-for'),
          remoteAddress: Buffer.from(res.getRemoteAddressAsText()).toString(),
        });
        if (!('open' in accepted)) return refuse(res, accepted);
        const data: SocketData = { open: accepted.open, events: undefined };
        const { subprotocol } = accepted;
        res.upgrade(
          data,
          req.getHeader('sec-websocket-key'),
          subprotocol,
          req.getHeader('sec-websocket-extensions'),
          context,
        );
      },
      open: (ws) => {
        const data = ws.getUserData();
        data.events = data.open?.(new LibrarySocket(ws, options.maxBackpressureBytes));
        data.open = undefined;
      },
      message: (ws, message, isBinary) => {
        turn.note();
        ws.getUserData().events?.receive(message, isBinary);
      },
      drain: (ws) => ws.getUserData().events?.drained(),
      close: (ws, code, reason) => {
        const text = Buffer.from(reason).toString();
        ws.getUserData().events?.ended(CUT_CODES[text] ?? code);
      },
    });
    app.get(path, (res) => refuse(res, upgradeRequired()));
  }
  app.any('/*', (res) => refuse(res, notFound()));
  const token = await listen(app, options);
  return {
    port: library.us_socket_local_port(token),
    publish: (group, frame) => {
      app.publish(group, frame, false);
    },
    stopListening: () => library.us_listen_socket_close(token),
    close: () => {
      turn.stop();
      app.close();
    },
  };
}

class LibrarySocket implements Socket {
  readonly #ws: WebSocket<SocketData>;
  readonly #maxBackpressureBytes: number;
  /** Whether the last frame was buffered: only then there is something to look at. */
  #backlogged = false;

  constructor(ws: WebSocket<SocketData>, maxBackpressureBytes: number) {
    this.#ws = ws;
    this.#maxBackpressureBytes = maxBackpressureBytes;
  }

  send(frame: string | Uint8Array): SendOutcome {
    if (this.#backlogged && this.#ws.getBufferedAmount() > this.#maxBackpressureBytes) return 'dropped';
    const outcome = SENDS[this.#ws.send(frame, false)] ?? 'dropped';
    this.#backlogged = outcome === 'buffered';
    return outcome;
  }

  bufferedBytes(): number {
    return this.#ws.getBufferedAmount();
  }

  cork(write: () => void): void {
    this.#ws.cork(write);
  }

  enterGroup(group: string): void {
    this.#ws.subscribe(group);
  }

  leaveGroup(group: string): void {
    this.#ws.unsubscribe(group);
  }

  close(code: number, reason: string): void {
    this.#ws.end(code, reason);
  }
}

/** @throws {Error} a sentence for the operator, where the library has no binary that runs here */
function loadLibrary(): Library {
  try {
    return createRequire(import.meta.url)('uWebSockets.js') as Library;
  } catch (cause) {
    const platform = `${process.platform} ${process.arch} with Node ${process.versions.node}`;
    throw new Error(
      `uWebSockets.js cannot be loaded on ${platform}: use Node 20 with glibc 2.27 or later, or Node 22 and later with glibc 2.38 or later.`,
      { cause },
    );
  }
}

function listen(app: ReturnType<Library['App']>, { host, port }: ServerOptions): Promise<us_listen_socket> {
  return new Promise((resolve, reject) => {
    const listening = (token: us_listen_socket | false): void => {
      if (token) resolve(token);
      else
        reject(new Error(`cannot listen on ${host}:${port}: the port is taken, or the address is not this machine's`));
    };
    (app as unknown as ExclusiveListener).listen(host, port, EXCLUSIVE, listening);
  });
}

/** All lines of a header as one: a proxy may add its own after one that the client invented. */
function everyHeader(req: HttpRequest, name: string): string {
  if (req.getHeader(name) === '') return '';
  const values: string[] = [];
  req.forEach((key, value) => {
    if (key === name) values.push(value);
  });
  return values.join(',');
}

function refuse(res: HttpResponse, refusal: Refusal): void {
  res.cork(() => {
    res.writeStatus(`${refusal.status} ${STATUS_TEXT[refusal.status] ?? 'Refused'}`);
    res.writeHeader('content-type', 'application/json; charset=utf-8');
    if (refusal.retryAfterSeconds !== undefined) res.writeHeader('retry-after', String(refusal.retryAfterSeconds));
    if (refusal.status === 426) res.writeHeader('upgrade', 'websocket');
    res.end(JSON.stringify(refusal.body));
  });
}

function upgradeRequired(): Refusal {
  return { status: 426, body: httpFailure('bad_request', 'this path takes WebSocket upgrades only') };
}

function notFound(): Refusal {
  return { status: HTTP_ERRORS.not_found, body: httpFailure('not_found', 'the gateway serves /ws/chat/ only') };
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
};
