import { randomBytes } from 'node:crypto';
import { connect, type OnReadOpts, type Socket } from 'node:net';

/** What a raw socket asks for. */
export interface RawUpgrade {
  readonly port: number;
  /** Query of `/ws/chat/`, without the question mark. */
  readonly query: string;
  readonly framed: boolean;
}

/** Opcodes of WebSocket frames (RFC 6455, 5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const LENGTH_16 = 126;
const LENGTH_64 = 127;

/** Connections from one local address to another have 28,000 ports, of which each is busy for a minute after its use. */
const LOCAL_ADDRESSES = 8;
let connections = 0;

/**
 * Connects, and leaves everything else to the caller. Errors end the socket: whoever attacks expects them.
 *
 * @param onread reads into a buffer of the caller; then there are no `data` events
 */
export function connectRaw(port: number, onread?: OnReadOpts): Socket {
  connections += 1;
  const localAddress = `127.0.0.${2 + (connections % LOCAL_ADDRESSES)}`;
  const socket = connect({ port, host: '127.0.0.1', localAddress, ...(onread && { onread }) });
  socket.on('error', () => socket.destroy());
  return socket;
}

/** The head of an upgrade request. @param lines further header lines */
export function upgradeHead({ query, framed }: Omit<RawUpgrade, 'port'>, lines: readonly string[] = []): string {
  const all = [
    `GET /ws/chat/?${query} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(framed ? ['Sec-WebSocket-Protocol: holdfast.v1'] : []),
    ...lines,
  ];
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** Opens a WebSocket. @returns the socket once the server has answered; nothing when it was refused or lost */
export function upgradeRaw({ port, ...request }: RawUpgrade): Promise<Socket | undefined> {
  const socket = connectRaw(port);
  socket.write(upgradeHead(request));
  return new Promise((resolve) => {
    socket.once('data', (data) => {
      const accepted = data.toString('latin1', 0, 12) === 'HTTP/1.1 101';
      if (!accepted) socket.destroy();
      resolve(accepted ? socket : undefined);
    });
    socket.once('close', () => resolve(undefined));
  });
}

/** A frame as a client sends it. The mask is 0, so that the payload stays as it is. */
export function rawFrame(opcode: number, payload: string | Uint8Array, { final = true } = {}): Buffer {
  const bytes = Buffer.from(payload);
  const first = (final ? 0x80 : 0) | opcode;
  const mask = Buffer.alloc(4);
  if (bytes.length < LENGTH_16) return Buffer.concat([Buffer.of(first, 0x80 | bytes.length), mask, bytes]);
  const head = Buffer.alloc(bytes.length > 0xffff ? 10 : 4);
  head[0] = first;
  if (bytes.length > 0xffff) {
    head[1] = 0x80 | LENGTH_64;
    head.writeBigUInt64BE(BigInt(bytes.length), 2);
  } else {
    head[1] = 0x80 | LENGTH_16;
    head.writeUInt16BE(bytes.length, 2);
  }
  return Buffer.concat([head, mask, bytes]);
}
