import { STATUS_CODES } from 'node:http';

/** What the front door answers by itself, in the shape of H3. */
export interface ProxyFailure {
  readonly status: 404 | 502 | 503;
  readonly code: 'not_found' | 'bad_gateway' | 'unavailable';
  readonly error: string;
}

/** Seconds after which what is down may be up again. */
const RETRY_AFTER_SECONDS = 1;

/** There is no WebSocket at this path. */
export function notFound(url: string): ProxyFailure {
  const path = url.split('?', 1)[0] ?? '/';
  return { status: 404, code: 'not_found', error: `there is no WebSocket at ${path}; chat is at /ws/chat/` };
}

/** Nobody can take the request now. @param why begins the sentence, such as `no gateway is ready` */
export function unavailable(why: string): ProxyFailure {
  return { status: 503, code: 'unavailable', error: `${why}; try again in a moment` };
}

/** The connection to a service broke before it had answered. */
export function brokenOff(name: string): ProxyFailure {
  return { status: 502, code: 'bad_gateway', error: `${name} broke off before it had answered` };
}

/** Status line, headers and body as one HTTP/1.1 message, after which the connection ends. */
export function renderFailure(failure: ProxyFailure): { headers: Record<string, string>; body: string } {
  const { status, code, error } = failure;
  const body = JSON.stringify({ success: false, error, code });
  const headers: Record<string, string> = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    Connection: 'close',
  };
  if (status === 503) headers['Retry-After'] = String(RETRY_AFTER_SECONDS);
  return { headers, body };
}

/** A whole HTTP/1.1 response, for sockets that no server answers any more. */
export function failureMessage(failure: ProxyFailure): string {
  const { headers, body } = renderFailure(failure);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}\r\n${lines.join('')}\r\n${body}`;
}
