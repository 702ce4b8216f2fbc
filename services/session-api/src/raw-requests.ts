import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { HTTP_ERRORS, type HttpFailure, headProblem, httpFailure, unreadableRequest } from '@holdfast/protocol';
import type { ProcessLoad } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors.js';

/** How long a client that is still sending may take to notice an answer. Milliseconds. */
const LINGER_MS = 2_000;
const METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST';

/**
 * Answers what Node's HTTP server would answer by itself, without a body, in the shape of every failure (H3): a head
 * that is too large (H5), no `Host` or several, an `Expect` that nobody knows, and `CONNECT`.
 */
export function answerOddRequests(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }, reply) => {
    newest.set(raw.socket, reply.raw);
    const problem = headProblem(raw);
    if (problem) throw new ApiError(problem.code, problem.error);
  });
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.stringify(httpFailure('expectation_failed', 'Expect may only be 100-continue'));
    response.writeHead(HTTP_ERRORS.expectation_failed, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
  app.server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    // Node no longer listens: without this, a client that resets the connection would end the process.
    socket.on('error', () => socket.destroy());
    refuse(socket, httpFailure('method_not_allowed', 'CONNECT is not possible here'), `Allow: ${METHODS}\r\n`);
  });
}

/** The answer to the newest request of each connection. */
const newest = new WeakMap<Duplex, ServerResponse>();

/** Answers what the HTTP parser refuses, which never becomes a request. */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  const answer = newest.get(socket);
  // What cannot be read is the rest of a request that has its answer: a second one would be taken for that to the next.
  if (answer?.headersSent && !answer.req.complete) socket.destroy();
  else refuse(socket, unreadableRequest(error.code));
}

/** Writes a failure onto a connection, and ends it. @param headers further header lines, each with its line end */
function refuse(socket: Duplex, failure: HttpFailure, headers = ''): void {
  if (socket.destroyed || !socket.writable) return;
  const status = HTTP_ERRORS[failure.code];
  const body = JSON.stringify(failure);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headers}Connection: close\r\n` +
      `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  // Closing at once would reset the connection of a client that is still sending, and the answer with it.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Seconds after which a caller may ask again while this process is short of memory or time. */
const OVERLOAD_RETRY_AFTER_SECONDS = 5;

/**
 * Refuses requests while the process is short of memory or time (B7). Where it is short of descriptors, a request costs
 * no more of them: it is served, and its connection is given back after it.
 */
export function refuseWhenOverloaded(app: FastifyInstance, load: Pick<ProcessLoad, 'shortage'>): void {
  app.addHook('onRequest', async (_request, reply) => {
    const scarce = load.shortage(false);
    if (scarce === 'descriptors') reply.header('connection', 'close');
    else if (scarce !== undefined) {
      const headers = { 'retry-after': String(OVERLOAD_RETRY_AFTER_SECONDS) };
      throw new ApiError('overloaded', 'this process has more to do than it can; try again in a moment', { headers });
    }
  });
}

/**
 * Requests of one connection wait for each other's answers. A client may send the next ones before it has read an answer
 * (pipelining); without this, the answers to all of them would wait in memory for a client that reads none.
 */
export function answerInTurn(app: FastifyInstance): void {
  const latest = new WeakMap<Duplex, Promise<void>>();
  app.addHook('onRequest', async ({ raw: { socket } }, reply) => {
    const before = latest.get(socket);
    latest.set(socket, new Promise((resolve) => reply.raw.once('close', resolve)));
    await before;
  });
}
