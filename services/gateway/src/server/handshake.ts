import { httpFailure } from '@holdfast/protocol';
import type { Refusal } from '../admission/admission.js';

/** The only version there is (RFC 6455). */
export const WEBSOCKET_VERSION = '13';

/**
 * What is wrong with a WebSocket handshake (C9). The library looks at `Upgrade` and at the presence of a key, and opens a
 * connection for whatever else is asked.
 *
 * @param headers by name in small letters, several lines of one joined by commas
 */
export function handshakeProblem(headers: ReadonlyMap<string, string>): Refusal | undefined {
  const version = headers.get('sec-websocket-version');
  if (version !== WEBSOCKET_VERSION) return refusal(426, `Sec-WebSocket-Version must be ${WEBSOCKET_VERSION}`);
  const connection = (headers.get('connection') ?? '').split(',');
  if (!connection.some((token) => token.trim().toLowerCase() === 'upgrade')) {
    return refusal(400, 'a WebSocket handshake has Connection: Upgrade');
  }
  // 16 bytes in Base64. The last of 22 characters has two bits only.
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(headers.get('sec-websocket-key') ?? '')) {
    return refusal(400, 'Sec-WebSocket-Key must be 16 bytes in Base64');
  }
  return undefined;
}

function refusal(status: number, error: string): Refusal {
  return { status, body: httpFailure('bad_request', error) };
}
