import { STATUS_CODES } from 'node:http';
import { HTTP_ERRORS, type HttpErrorCode, type HttpFailure } from '@holdfast/protocol';

/** An error that the front door answers by itself, in the form of H3. */
export interface ProxyFailure {
  readonly status: number;
  readonly code: HttpErrorCode | 'bad_gateway' | 'unavailable';
  readonly error: string;
}

/** For `Retry-After`: seconds after which a service that is down may be up again. */
const RETRY_AFTER_SECONDS = 1;

/** A failure of H3 with the status that belongs to it. */
export function asProxyFailure({ code, error }: HttpFailure): ProxyFailure {
  return { status: HTTP_ERRORS[code], code, error };
}

/** There is no WebSocket at this path. */
export function notFound(url: string): ProxyFailure {
  const path = url.split('?', 1)[0] ?? '/';
  return { status: 404, code: 'not_found', error: `there is no WebSocket at ${path}; chat is at /ws/chat/` };
}

/** No service can take the request now. @param why begins the sentence, such as `no gateway is ready` */
export function unavailable(why: string): ProxyFailure {
  return { status: 503, code: 'unavailable', error: `${why}; try again in a moment` };
}

/** The connection to a service broke before the service answered. */
export function brokenOff(name: string): ProxyFailure {
  return { status: 502, code: 'bad_gateway', error: `${name} broke off before it had answered` };
}

/** Headers and body of a failure's response. The connection ends after it. */
export function renderFailure(failure: ProxyFailure): { headers: Record<string, string>; body: string } {
  const { status, code, error } = failure;
  const body = JSON.stringify({ success: false, error, code });
  const headers: Record<string, string> = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    Connection: 'close',
  };
  if (status === 405) headers['Allow'] = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST';
  if (status === 503) headers['Retry-After'] = String(RETRY_AFTER_SECONDS);
  return { headers, body };
}

/** A failure as a whole HTTP/1.1 message, for upgrades: Node's server hands their sockets over and writes no answer. */
export function failureMessage(failure: ProxyFailure): string {
  const { headers, body } = renderFailure(failure);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}\r\n${lines.join('')}\r\n${body}`;
}
