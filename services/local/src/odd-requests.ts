import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { httpFailure, unreadableRequest } from '@holdfast/protocol';
import { headerPairs } from './forwarded-headers.js';
import { sendFailure } from './http-proxy.js';
import { asProxyFailure, failureMessage, type ProxyFailure } from './proxy-failure.js';

/** A client that has not read its last bytes by then, or has not closed its side, is dropped. Milliseconds. */
const LINGER_MS = 2_000;

/**
 * Answers what Node's HTTP server would answer by itself, without a body, in the shape of every failure (H3).
 *
 * @param answerOf the answer to the newest request of a connection
 */
export function answerOddRequests(server: Server, answerOf: (socket: Duplex) => ServerResponse | undefined): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const answer = answerOf(socket);
    // What cannot be read is the rest of a request that has its answer: a second one would be taken for that to the next.
    if (answer?.headersSent && !answer.req.complete) socket.destroy();
    else refuse(socket, asProxyFailure(unreadableRequest(error.code)));
  });
  server.on('connect', (_request, socket) => {
    // Node no longer listens: without this, a client that resets the connection would end the process.
    socket.on('error', () => socket.destroy());
    refuse(socket, asProxyFailure(httpFailure('method_not_allowed', 'CONNECT is not possible here')));
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    sendFailure(response, asProxyFailure(httpFailure('expectation_failed', 'Expect may only be 100-continue')));
  });
}

/** Writes a failure onto a connection, and ends it. */
export function refuse(socket: Duplex, failure: ProxyFailure): void {
  if (socket.destroyed || !socket.writable) return;
  socket.end(failureMessage(failure));
  dropLater(socket);
}

/**
 * Ends a connection that has been given its last bytes. Node keeps a socket whose other side neither reads nor closes
 * for ever; closing at once would reset the connection of a client that is still sending, and the answer with it.
 */
export function dropLater(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/** Whether a request asks for a WebSocket. */
export function asksForWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && tokensOf(headers.upgrade).includes('websocket');
}

/**
 * Serves a request as if it had no `Upgrade` (H7). Node's server has given the connection away with such a request; it
 * gets it back with the same bytes, less the headers of the upgrade.
 *
 * @param head bytes that came behind the request's head, such as its body
 */
export function serveWithoutUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (const [name, value] of headerPairs(request.rawHeaders)) {
    const lower = name.toLowerCase();
    if (lower === 'upgrade' || lower === 'http2-settings') continue;
    const rest =
      lower === 'connection'
        ? tokensOf(value)
            .filter((token) => !OF_UPGRADE.has(token))
            .join(', ')
        : value;
    if (rest !== '' || value === '') lines.push(`${name}: ${rest}`);
  }
  socket.setTimeout(0).removeAllListeners('timeout');
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}

const OF_UPGRADE = new Set(['upgrade', 'http2-settings']);

function tokensOf(header = ''): string[] {
  return header.split(',').map((token) => token.trim().toLowerCase());
}
