import { connect, createServer, type Server, type Socket } from 'node:net';
import { type RedisServer, registerCleanup } from '@holdfast/testkit';

/** A message that Redis pushes to a subscriber. */
export interface Push {
  readonly channel: string;
  readonly payload: Buffer;
}

/**
 * A proxy between a gateway and Redis that loses pub/sub messages, as Redis itself does when an output buffer overflows
 * or a slot moves. Everything else passes, and links stay up, so that nothing tells the gateway of the loss.
 */
export class PushFilter {
  readonly port: number;
  /** Called for every push, canaries included. */
  loses: (push: Push) => boolean = () => false;
  lost = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server, port: number, redisPort: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (client) => this.#accept(client, redisPort));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(client: Socket, redisPort: number): void {
    const redis = connect({ host: '127.0.0.1', port: redisPort, noDelay: true });
    client.setNoDelay(true);
    for (const [socket, peer] of [
      [client, redis],
      [redis, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => peer.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        peer.destroy();
      });
    }
    client.pipe(redis);
    let rest: Buffer = Buffer.alloc(0);
    redis.on('data', (bytes: Buffer) => {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      for (let end = endOfReply(rest, 0); end !== undefined; end = endOfReply(rest, 0)) {
        const reply = rest.subarray(0, end);
        rest = rest.subarray(end);
        const push = readPush(reply);
        if (push && this.loses(push)) this.lost += 1;
        else client.write(reply);
      }
    });
  }
}

export async function startPushFilter(redis: RedisServer): Promise<PushFilter> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the filter listens on no port');
  const filter = new PushFilter(server, address.port, redis.port);
  registerCleanup(`push filter ${address.port}`, () => filter.close());
  return filter;
}

/** Whether a push is a message of a session, rather than a canary or a broadcast (K3). */
export function isSessionPush({ channel }: Push): boolean {
  return channel.endsWith(':live');
}

/** The end of the reply that begins at an offset (RESP 2 and 3); undefined while the reply is incomplete. */
function endOfReply(bytes: Buffer, at: number): number | undefined {
  const lineEnd = bytes.indexOf('\r\n', at, 'latin1');
  if (lineEnd < 0) return undefined;
  const next = lineEnd + 2;
  const length = Number(bytes.toString('latin1', at + 1, lineEnd));
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case '$':
    case '=':
    case '!': {
      const end = length < 0 ? next : next + length + 2;
      return end <= bytes.length ? end : undefined;
    }
    case '*':
    case '>':
    case '~':
      return endOfReplies(bytes, next, length);
    case '%':
      return endOfReplies(bytes, next, 2 * length);
    default:
      return next;
  }
}

function endOfReplies(bytes: Buffer, at: number, count: number): number | undefined {
  let end: number | undefined = at;
  for (let i = 0; i < count && end !== undefined; i++) end = endOfReply(bytes, end);
  return end;
}

const PUSH = /^[*>]3\r\n\$7\r\nmessage\r\n/;
const PUSH_HEAD_BYTES = 17;

function readPush(reply: Buffer): Push | undefined {
  if (!PUSH.test(reply.toString('latin1', 0, PUSH_HEAD_BYTES))) return undefined;
  const channelEnd = endOfReply(reply, PUSH_HEAD_BYTES) ?? reply.length;
  return {
    channel: bulk(reply, PUSH_HEAD_BYTES, channelEnd).toString(),
    payload: bulk(reply, channelEnd, reply.length),
  };
}

function bulk(bytes: Buffer, from: number, end: number): Buffer {
  return bytes.subarray(bytes.indexOf('\r\n', from, 'latin1') + 2, end - 2);
}
