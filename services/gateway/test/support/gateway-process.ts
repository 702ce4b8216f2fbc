import { connect } from 'node:net';
import { closeRedis, createRedis, type RedisClient, waitUntilReady } from '@holdfast/redis-client';
import { RedisSessionStore } from '@holdfast/session-store';
import {
  type ConnectOptions,
  connectFramed,
  connectPlain,
  type Frame,
  type RedisServer,
  registerCleanup,
  type ServiceProcess,
  startProcess,
  UpgradeRefused,
  type WsClient,
} from '@holdfast/testkit';

/** Starts the built gateway as a process of its own. */
export function startGatewayProcess(redisUrl: string, env: Record<string, string> = {}, name = 'gateway') {
  return startProcess({ service: 'gateway', name, env: { CHANNEL_REDIS_URL: redisUrl, ...env } });
}

type Query = NonNullable<ConnectOptions['query']>;

/** Connects to a stored session with the framed protocol, up to its welcome. */
export async function joinFramed(gateway: ServiceProcess, session: string, query: Query = {}): Promise<WelcomedMember> {
  const client = await connectFramed(gateway.wsUrl, { query: { session, redis_persistence: true, ...query } });
  const welcome = await client.frames.next();
  if (welcome['type'] !== 'welcome') throw new Error(`the first frame was ${JSON.stringify(welcome)}`);
  return { client, welcome };
}

export interface WelcomedMember {
  readonly client: WsClient;
  readonly welcome: Frame;
}

/** Connects to a stored session with the plain protocol, which has no frame that tells when the member has joined. */
export function joinPlain(gateway: ServiceProcess, session: string, query: Query = {}): Promise<WsClient> {
  return connectPlain(gateway.wsUrl, { query: { session, redis_persistence: true, ...query } });
}

/** The HTTP answer to a connect that is refused. @throws {Error} when it is not refused */
export async function refusalOf(connecting: Promise<WsClient>): Promise<UpgradeRefused> {
  try {
    const client = await connecting;
    client.terminate();
  } catch (error) {
    if (error instanceof UpgradeRefused) return error;
    throw error;
  }
  throw new Error('the connect was not refused');
}

export const isMessage = (frame: Frame): boolean => frame['type'] === 'message';

/** The store behind a server, as a back end uses it; ended by `stopAll`. */
export async function storeOf(redis: RedisServer): Promise<RedisSessionStore> {
  return new RedisSessionStore(await clientOf(redis));
}

/** A connection to a server; ended by `stopAll`. */
export async function clientOf(redis: RedisServer): Promise<RedisClient> {
  const client = createRedis(
    { mode: 'standalone', urls: [redis.url], timeoutMs: 5_000 },
    { name: 'test', role: 'commands' },
  );
  registerCleanup('test connection to Redis', () => closeRedis(client));
  await waitUntilReady(client, 5_000);
  return client;
}

/** Sends bytes to a port, and collects the answer until the other side closes or is quiet for `quietMs`. */
export function exchange(port: number, bytes: string | Uint8Array, quietMs = 2_000): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ port, host: '127.0.0.1' });
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(quietMs, done);
    socket.on('data', (data) => {
      answer += data.toString('latin1');
      if (answer.includes('\r\n\r\n') && quietMs === 0) done();
    });
    socket.on('error', done);
    socket.on('close', done);
    socket.write(bytes);
  });
}

/** The status line and headers of an upgrade request with these header lines; the connection stays until `close`. */
export async function rawUpgrade(port: number, lines: readonly string[], path = '/ws/chat/') {
  const socket = connect({ port, host: '127.0.0.1' });
  const forget = registerCleanup('raw connection', async () => socket.destroy());
  const answer = new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('\r\n\r\n')) resolve(text);
    });
    socket.on('error', () => resolve(text));
    socket.on('close', () => resolve(text));
  });
  const key = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==';
  const head = ['host: 127.0.0.1', 'connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13', key];
  socket.write(`GET ${path} HTTP/1.1\r\n${[...head, ...lines].join('\r\n')}\r\n\r\n`);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(await answer)?.[1]);
  return {
    status,
    /** Stops reading at the TCP level. */
    pauseReading(): void {
      socket.pause();
    },
    /** Sends bytes on the upgraded connection. Resolves when the kernel has them, or when the connection has ended. */
    write(bytes: Uint8Array): Promise<void> {
      return new Promise((resolve) => {
        socket.write(bytes, () => resolve());
      });
    },
    close(): void {
      socket.destroy();
      forget();
    },
  };
}

/** A masked frame of a client. @param opcode 1 text, 2 binary, 8 close, 9 ping, 10 pong */
export function clientFrame(opcode: number, payload: string): Buffer {
  const bytes = Buffer.from(payload);
  if (bytes.length > 125) throw new RangeError('only short frames can be made');
  // The mask is 0, so that the payload stays as it is.
  return Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0), bytes]);
}
