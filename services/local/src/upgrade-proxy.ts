import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { forwardedHeaders, headerPairs, returnedHeaders } from './forwarded-headers.js';
import type { Backend } from './gateway-pool.js';
import { dropLater, refuse } from './odd-requests.js';
import { brokenOff } from './proxy-failure.js';

/**
 * What became of an upgrade:
 * - `opened`: there is a tunnel from client to gateway.
 * - `answered`: the client was sent a refusal.
 * - `unreachable`: the gateway did not take the connection, and nothing was sent to the client. Another one may be
 *   tried.
 */
export type UpgradeOutcome = 'opened' | 'answered' | 'unreachable';

/** A gateway that has not answered a handshake by then counts as hung. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Passes a WebSocket handshake on to a gateway, and joins the two sockets when the gateway accepts it. */
export function tunnelUpgrade(
  gateway: Backend,
  request: IncomingMessage,
  client: Socket,
  head: Buffer,
): Promise<UpgradeOutcome> {
  return new Promise((resolve) => {
    const upstream = httpRequest({
      host: '127.0.0.1',
      port: gateway.port,
      method: request.method,
      path: request.url,
      headers: [...forwardedHeaders(request), 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? ''],
      agent: false,
    });
    let connected = false;
    upstream.setTimeout(HANDSHAKE_TIMEOUT_MS, () => upstream.destroy());
    const giveUp = () => upstream.destroy();
    client.once('close', giveUp);
    upstream.on('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
      });
    });
    upstream.on('upgrade', (answer, server: Socket, serverHead) => {
      client.off('close', giveUp);
      client.write(responseHead(answer, answer.rawHeaders));
      if (serverHead.length > 0) client.write(serverHead);
      if (head.length > 0) server.write(head);
      join(client, server);
      resolve('opened');
    });
    upstream.on('response', (answer) => {
      client.write(responseHead(answer, [...returnedHeaders(answer.rawHeaders), 'Connection', 'close']));
      answer.pipe(client);
      dropLater(client);
      resolve('answered');
    });
    upstream.on('error', () => {
      if (!connected) {
        resolve('unreachable');
        return;
      }
      refuse(client, brokenOff(gateway.name));
      resolve('answered');
    });
    upstream.end();
  });
}

function responseHead(answer: IncomingMessage, rawHeaders: readonly string[]): string {
  const lines = [...headerPairs(rawHeaders)]
    // Node has decoded the body, which now ends with the connection.
    .filter(([name]) => name.toLowerCase() !== 'transfer-encoding')
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines.join('')}\r\n`;
}

/** Joins two sockets by pipes. A pipe waits for a slow reader, so that the gateway notices a slow member. */
function join(client: Socket, server: Socket): void {
  for (const [socket, peer] of [
    [client, server],
    [server, client],
  ] as const) {
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on('error', () => socket.destroy());
    // Bytes that were read already still go out; then the other side ends too.
    socket.on('close', () => {
      peer.destroySoon();
      if (!peer.destroyed) dropLater(peer);
    });
    socket.pipe(peer);
  }
}
