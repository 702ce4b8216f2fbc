import type { HttpRequest, HttpResponse, WebSocket } from 'uWebSockets.js';
import { HTTP_ERRORS, httpFailure, RequestHead } from '@holdfast/protocol';
import { headTooLarge, type Refusal, type UpgradeRequest } from '../admission/admission.js';
import type { ConnectionSlots, PublishToGroup, Socket, SocketEvents } from '../ports/socket.js';
import { handshakeProblem, WEBSOCKET_VERSION } from './handshake.js';
import { HandshakeTurns } from './handshake-turns.js';
import { LibrarySocket, type SocketData, SocketGroups } from './library-socket.js';
import { Listener, type ListeningApp } from './listener.js';
import { loadLibrary } from './load-library.js';
import { TurnLimit } from './turn-limit.js';

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The package of the WebSocket library, where it is not the one of the lock file (N5). */
  readonly libraryPackage?: string | undefined;
  /** A socket with more than this unsent loses the next frame (F6). Bytes. */
  readonly maxBackpressureBytes: number;
  /** A larger frame ends its connection, without a close frame. Bytes. */
  readonly maxPayloadBytes: number;
  readonly slots: ConnectionSlots;
  /** Decides about an upgrade request, at once or later. Never rejects. */
  accept(upgrade: UpgradeRequest): Refusal | Accepted | Promise<Refusal | Accepted>;
}

/** An upgrade request that is accepted: either of the two is called, once. */
interface Accepted {
  readonly subprotocol: string;
  open(socket: Socket): SocketEvents;
  /** The client has gone before its socket was open. */
  abandon(): void;
}

export interface Server {
  readonly port: number;
  publish: PublishToGroup;
  /** Takes no more connections. Open connections stay. */
  stopListening(): void;
  /** Drops every connection, without a close frame. */
  close(): void;
}

const PATHS = ['/ws/chat', '/ws/chat/'];
/**
 * A connection is dropped after this many seconds of silence. The library pings in time, so a client that lives
 * answers.
 */
const IDLE_TIMEOUT_SECONDS = 120;
/**
 * Reasons for which the library itself drops a connection without a close frame, and the codes they are counted under.
 */
const CUT_CODES: Readonly<Record<string, number>> = {
  'Received too big message': 1009,
  'Received invalid UTF-8': 1007,
};

/**
 * Listens for WebSockets. This file and its neighbours `library-socket.ts` and `listener.ts` are the only ones that know
 * uWebSockets.js, and these are the traps they keep from the others: a message's bytes are valid during its callback
 * only; a request's headers during the upgrade only; `end()` calls the close handler before it returns; nothing may be
 * called on a socket after its close event; a socket that is closed while it is written or published to crashes the
 * process; a large frame that is sent within the drain callback stops the socket; a cork within a cork breaks other
 * connections; an upgrade within a cork may end its own; without a file descriptor the library accepts again at once and
 * for ever.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const library = loadLibrary(options.libraryPackage);
  const app = library.App();
  const turn = new TurnLimit();
  const handshakes = new HandshakeTurns(() => turn.bytesRead);
  const groups = new SocketGroups((group, frame) => {
    app.publish(group, frame, false);
  });
  const shared = { maxBackpressureBytes: options.maxBackpressureBytes, groups };
  // The library has sent the pong already.
  const heardControl = (ws: WebSocket<SocketData>): void => {
    turn.note(0);
    ws.getUserData().socket?.events?.receiveControl();
  };
  for (const path of PATHS) {
    app.ws<SocketData>(path, {
      maxPayloadLength: options.maxPayloadBytes,
      // The library's own limit would leave out frames and go on with later ones. LibrarySocket keeps the limit instead.
      maxBackpressure: 0,
      idleTimeout: IDLE_TIMEOUT_SECONDS,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const { query, headers, excess } = readHead(req);
        const problem = excess === undefined ? handshakeProblem(headers) : undefined;
        if (problem) return refuse(res, problem);
        const request = {
          query,
          excess,
          protocolHeader: headers.get('sec-websocket-protocol') ?? '',
          origin: headers.get('origin') ?? '',
          authorization: headers.get('authorization') ?? '',
          host: headers.get('host') ?? '',
          forwardedFor: headers.get('x-forwarded-for') ?? '',
          forwardedHost: headers.get('x-forwarded-host') ?? '',
          forwardedProto: headers.get('x-forwarded-proto') ?? '',
          remoteAddress: Buffer.from(res.getRemoteAddressAsText()).toString(),
        };
        const key = headers.get('sec-websocket-key') ?? '';
        const extensions = headers.get('sec-websocket-extensions') ?? '';
        // The library forgets a response whose client goes away: it must not be touched after that.
        let isGone = false;
        let isLater = false;
        const finish = (answer: Refusal | Accepted): void => {
          if (!('open' in answer)) return isGone ? undefined : refuse(res, answer);
          if (isGone) return answer.abandon();
          const data: SocketData = { open: answer.open, socket: undefined };
          // Never within a cork: where the socket keeps its place in memory, the library would then take it for an HTTP
          // response, read chance bits of it, and sometimes end the connection behind its 101.
          res.upgrade(data, key, answer.subprotocol, extensions, context);
        };
        const waitAside = (): void => {
          if (isLater) return;
          isLater = true;
          res.onAborted(() => {
            isGone = true;
          });
        };
        turn.note(0);
        const isDone = handshakes.take(() => {
          if (isGone) return;
          const answer = options.accept(request);
          if (!(answer instanceof Promise)) return finish(answer);
          waitAside();
          void answer.then(finish);
        });
        if (!isDone) waitAside();
      },
      open: (ws) => {
        const data = ws.getUserData();
        const socket = new LibrarySocket(ws, shared);
        data.socket = socket;
        const events = data.open?.(socket);
        data.open = undefined;
        if (events) socket.opened(events);
      },
      message: (ws, message, isBinary) => {
        turn.note(message.byteLength);
        ws.getUserData().socket?.events?.receive(message, isBinary);
      },
      ping: heardControl,
      pong: heardControl,
      drain: (ws) => ws.getUserData().socket?.drained(),
      close: (ws, code, reason) => {
        const text = Buffer.from(reason).toString();
        listener.webSocketEnded();
        ws.getUserData().socket?.ended(CUT_CODES[text] ?? code);
      },
    });
    app.get(path, (res, req) => refuse(res, tooLarge(req) ?? upgradeRequired()));
    app.head(path, (res, req) => refuse(res, tooLarge(req) ?? upgradeRequired(), 'without body'));
  }
  app.any('/*', (res, req) => {
    refuse(res, tooLarge(req) ?? notFound(), req.getMethod() === 'head' ? 'without body' : undefined);
  });
  const listener = await Listener.open(library, app as unknown as ListeningApp, options, options.slots);
  return {
    port: listener.port,
    publish: (group, frame) => groups.publish(group, frame),
    stopListening: () => listener.stop(),
    close: () => {
      turn.stop();
      app.close();
    },
  };
}

interface Head {
  readonly query: string;
  /** By name in small letters. Lines of one name are joined by commas, which means the same (RFC 9110, section 5.3). */
  readonly headers: ReadonlyMap<string, string>;
  /** See {@link RequestHead.excess}. */
  readonly excess: string | undefined;
}

/** Reads the whole head in one go. Only that way it can be counted too. */
function readHead(req: HttpRequest): Head {
  // Undefined for a URL without a question mark, although the types say string.
  const query = req.getQuery() ?? '';
  const head = new RequestHead(req.getMethod(), query === '' ? req.getUrl() : `${req.getUrl()}?${query}`);
  const headers = new Map<string, string>();
  req.forEach((name, value) => {
    head.add(name, value);
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  });
  return { query, headers, excess: head.excess };
}

function tooLarge(req: HttpRequest): Refusal | undefined {
  const { excess } = readHead(req);
  return excess === undefined ? undefined : headTooLarge(excess);
}

/**
 * @param form an answer to `HEAD` has no body (H3), and says so as its length: the library's `endWithoutBody` with another
 *   length ends the process, with the binary for Node 20
 */
function refuse(res: HttpResponse, refusal: Refusal, form?: 'without body'): void {
  res.cork(() => {
    res.writeStatus(`${refusal.status} ${STATUS_TEXT[refusal.status] ?? 'Refused'}`);
    res.writeHeader('content-type', 'application/json; charset=utf-8');
    if (refusal.retryAfterSeconds !== undefined) res.writeHeader('retry-after', String(refusal.retryAfterSeconds));
    // RFC 9110, section 15.5.2.
    if (refusal.status === 401) res.writeHeader('www-authenticate', 'Bearer');
    if (refusal.status === 426) {
      res.writeHeader('upgrade', 'websocket');
      res.writeHeader('sec-websocket-version', WEBSOCKET_VERSION);
    }
    // Whoever is refused for want of something takes nothing more of it.
    res.end(form === undefined ? JSON.stringify(refusal.body) : '', refusal.status === 503);
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
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
};
