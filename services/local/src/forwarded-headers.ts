import type { IncomingMessage } from 'node:http';

/** Headers between two neighbours only (RFC 9110, 7.6.1), and `Expect`, which the front door answers itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);

/**
 * A request's headers as the next server gets them: all but those of the connection, with the client's address at the
 * end of `X-Forwarded-For`. `Host` stays, so that `Origin` can be compared with it.
 *
 * @returns names and values in turn, in their order and spelling
 */
export function forwardedHeaders(request: IncomingMessage): string[] {
  const headers: string[] = [];
  for (const [name, value] of pairs(request.rawHeaders)) {
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !lower.startsWith('x-forwarded-')) headers.push(name, value);
  }
  const client = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const before = request.headers['x-forwarded-for'];
  headers.push('X-Forwarded-For', [before, client].filter(Boolean).join(', '));
  headers.push('X-Forwarded-Proto', 'http');
  headers.push('X-Forwarded-Host', request.headers.host ?? '');
  return headers;
}

/** A response's headers for the client: all but those of the connection. */
export function returnedHeaders(rawHeaders: readonly string[]): string[] {
  return [...pairs(rawHeaders)].filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).flat();
}

/** Raw headers one by one. */
export function* pairs(rawHeaders: readonly string[]): Generator<[name: string, value: string]> {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) yield [rawHeaders[i] ?? '', rawHeaders[i + 1] ?? ''];
}
