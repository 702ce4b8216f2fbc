import type { IncomingMessage } from 'node:http';
import { parseAddress } from '@holdfast/config';

/**
 * Headers that concern one connection only (RFC 9110, section 7.6.1), and `Expect`, which the front door answers
 * itself. `Transfer-Encoding` is not among them: Node keeps to it when it writes the body.
 */
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
 * Names of headers that a gateway's WebSocket library reads. It does not answer a request that has another one, such as
 * `my_header`, which HTTP allows (C1).
 */
const PLAIN_NAME = /^[a-z0-9-]+$/;

/**
 * A request's headers for the next server: all but the hop-by-hop ones and those of other names than
 * {@link PLAIN_NAME}, with the client's address appended to `X-Forwarded-For`. `Host` stays as it is, so that the server
 * can compare it with `Origin`.
 *
 * @returns names and values in turn, in their original order and spelling
 */
export function forwardedHeaders(request: IncomingMessage): string[] {
  const headers: string[] = [];
  for (const [name, value] of headerPairs(request.rawHeaders)) {
    const lower = name.toLowerCase();
    if (PLAIN_NAME.test(lower) && !HOP_BY_HOP.has(lower) && !lower.startsWith('x-forwarded-'))
      headers.push(name, value);
  }
  const client = parseAddress(request.socket.remoteAddress ?? '') ?? '';
  const earlier = request.headers['x-forwarded-for'];
  headers.push('X-Forwarded-For', [earlier, client].filter(Boolean).join(', '));
  headers.push('X-Forwarded-Proto', 'http');
  headers.push('X-Forwarded-Host', request.headers.host ?? '');
  return headers;
}

/** A response's headers for the client, names and values in turn: all but the hop-by-hop ones. */
export function returnedHeaders(rawHeaders: readonly string[]): string[] {
  return [...headerPairs(rawHeaders)].filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).flat();
}

/** Node's flat list of names and values, pair by pair. */
export function* headerPairs(rawHeaders: readonly string[]): Generator<[name: string, value: string]> {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) yield [rawHeaders[i] ?? '', rawHeaders[i + 1] ?? ''];
}
