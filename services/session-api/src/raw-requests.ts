import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HTTP_ERRORS, RequestHead, unreadableRequest } from '@holdfast/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './errors.js';

/** How long a client that is still sending may take to notice an answer. Milliseconds. */
const LINGER_MS = 2_000;

/** Refuses requests with a head that is too large (H5). Node counts less than what was on the wire. */
export function limitHeads(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ raw }: FastifyRequest) => {
    const head = new RequestHead(raw.method ?? '', raw.url ?? '');
    const { rawHeaders } = raw;
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) head.add(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '');
    const { excess } = head;
    if (excess !== undefined) throw new ApiError('head_too_large', excess);
  });
}

/** Answers what the HTTP parser refuses, which never becomes a request, in the shape of every failure (H3). */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return;
  const failure = unreadableRequest(error.code);
  const status = HTTP_ERRORS[failure.code];
  const body = JSON.stringify(failure);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  // Closing at once would reset the connection of a client that is still sending, and the answer with it.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
