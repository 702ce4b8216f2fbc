import { Cluster, Redis } from 'ioredis';
import {
  type ConnectionRole,
  type ConnectionSettings,
  clusterOptions,
  nodeOptions,
  redisOptions,
} from './connection-options.js';
import { onErrorReply } from './ioredis-internals.js';
import { installPatientTimeouts } from './patient-timeout.js';
import { forgetContents, handshakeRefusal, isDatabaseRefused, redisErrorKind } from './redis-errors.js';

/** A connection, or a cluster's set of connections, that reconnects by itself until it is closed. */
export type RedisClient = Redis | Cluster;

export interface RedisClientOptions {
  /** Shown by `CLIENT LIST`. No spaces. */
  readonly name: string;
  readonly role: ConnectionRole;
  /** Called for every failure of the connection itself, also for each failed attempt to connect. Default: nothing. */
  readonly onError?: (error: Error) => void;
  /** Called with a sentence when Redis refuses the connection lastingly (D7), once until it is made or refused anew. */
  readonly onRefused?: (reason: string) => void;
}

/** A command connection, and what subscribes beside it: one connection, or one to each node of a cluster. */
export type SubscriberConnections =
  | { readonly publisher: Redis; readonly subscriber: Redis }
  | {
      readonly publisher: Cluster;
      readonly subscriber: (address: { readonly host: string; readonly port: number }) => Redis;
    };

/**
 * Connects to Redis. The client tries again and again, with growing, jittered pauses of at most half a second (D2).
 *
 * A command of role `commands` or `subscriber` is sent at most once (A5). It rejects at the latest after
 * `settings.timeoutMs`, and at once when there is no connection (D1, D2); a process that was held up first reads the
 * answers that may have come. Whether a rejected command was carried out is unknown, unless Redis refused it.
 *
 * After a reconnect the caller restores its subscriptions, so that it can catch up on what it missed. Only a cluster's
 * sharded subscriptions are restored by ioredis.
 *
 * @throws {TypeError} when the settings name no server
 */
export function createRedis(settings: ConnectionSettings, options: RedisClientOptions): RedisClient {
  installPatientTimeouts();
  installForgetting();
  const { name, role, onError = ignore, onRefused = ignore } = options;
  if (settings.mode === 'cluster') {
    const { nodes, options: given } = clusterOptions(settings, name, role);
    const cluster = new Cluster(nodes, given);
    forgetOnErrors(cluster);
    cluster.on('error', onError);
    cluster.on('node error', onError);
    watchHandshake(cluster, onRefused);
    return cluster;
  }
  const redis = new Redis(redisOptions(settings, name, role));
  forgetOnErrors(redis);
  redis.on('error', onError);
  watchHandshake(redis, onRefused);
  return redis;
}

/** Why Redis refuses the client's connection lastingly, by client. */
const refusals = new WeakMap<RedisClient, string>();

/** Which permissions the client's user lacks, in a sentence, by client. */
const lacks = new WeakMap<RedisClient, string>();

/**
 * Why Redis refuses this client, or something that it needs, lastingly: a sentence for operators. Nothing when it does
 * not (D7).
 */
export function refusalOf(client: RedisClient): string | undefined {
  return refusals.get(client) ?? lacks.get(client);
}

/** Notes which permissions the client's user lacks. @param lack a sentence; `undefined`: none */
export function noteLack(client: RedisClient, lack: string | undefined): void {
  if (lack === undefined) lacks.delete(client);
  else lacks.set(client, lack);
}

let isForgetting = false;

/** Has no error reply of this process carry what members wrote, nor credentials (N1). */
function installForgetting(): void {
  if (isForgetting) return;
  isForgetting = true;
  onErrorReply(forgetContents);
}

/** The same for errors that are no replies: those that the client emits. Added before any other listener. */
function forgetOnErrors(client: RedisClient): void {
  client.on('error', forgetContents);
  client.on('node error', forgetContents);
}

/** Keeps {@link refusalOf}, and lets no connection become ready in a database that nobody named. */
function watchHandshake(client: RedisClient, onRefused: (reason: string) => void): void {
  const onError = (error: Error) => {
    if (client instanceof Redis && isDatabaseRefused(error)) client.disconnect(true);
    const reason = handshakeRefusal(error);
    if (reason !== undefined && client.status !== 'ready') {
      if (refusals.get(client) !== reason) onRefused(reason);
      refusals.set(client, reason);
    } else if (redisErrorKind(error) === 'unreachable') refusals.delete(client);
  };
  client.on('error', onError);
  client.on('node error', onError);
  client.on('ready', () => refusals.delete(client));
}

/**
 * Connects for commands as often as `settings.poolSize` says. The caller closes each.
 *
 * @throws {TypeError} when the settings name no server
 */
export function createRedisPool(
  settings: ConnectionSettings & { readonly poolSize: number },
  options: Omit<RedisClientOptions, 'role'>,
): readonly [RedisClient, ...RedisClient[]] {
  const connect = (): RedisClient => createRedis(settings, { ...options, role: 'commands' });
  return [connect(), ...Array.from({ length: settings.poolSize - 1 }, connect)];
}

/**
 * Connects for subscriptions. The connections reconnect by themselves until they are closed; what was subscribed is the
 * caller's to restore (F4).
 *
 * @param publisher a command connection to the same Redis
 * @throws {TypeError} when the settings name no server
 */
export function connectSubscriber(
  settings: ConnectionSettings,
  publisher: RedisClient,
  { name, onError = ignore, onRefused = ignore }: Omit<RedisClientOptions, 'role'>,
): SubscriberConnections {
  if (publisher instanceof Cluster) {
    const subscriber = (address: { host: string; port: number }): Redis => {
      const redis = new Redis({ ...nodeOptions(settings, name, 'subscriber'), ...address });
      forgetOnErrors(redis);
      redis.on('error', onError);
      watchHandshake(redis, onRefused);
      return redis;
    };
    return { publisher, subscriber };
  }
  const subscriber = createRedis(settings, { name, onError, onRefused, role: 'subscriber' });
  if (subscriber instanceof Cluster) throw new TypeError('the publisher is no connection to this cluster');
  return { publisher, subscriber };
}

/**
 * Closes the client for good: lets commands in flight finish when Redis answers, and drops them when it does not.
 * Resolves when no socket or timer of the client is left. Calling it again is harmless.
 *
 * @param timeoutMs milliseconds that commands in flight may take
 */
export async function closeRedis(client: RedisClient, timeoutMs = 1000): Promise<void> {
  if (client.status === 'end') return;
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  // Between two attempts to connect there is no socket whose close would end the client.
  let ends = client.status !== 'reconnecting';
  const giveUp = () => {
    ends &&= client.status !== 'reconnecting';
    client.disconnect();
  };
  let timer: NodeJS.Timeout | undefined;
  // A client of BullMQ keeps `quit` for a connection that may never be made.
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      giveUp();
      resolve();
    }, timeoutMs);
  });
  try {
    await Promise.race([client.quit(), late]);
  } catch {
    // Without a connection nothing is in flight that could be waited for.
    giveUp();
  }
  clearTimeout(timer);
  if (ends) await ended;
}

/** Without a listener ioredis prints every failure. None is lost, because commands reject as well. */
function ignore(): void {
  // Nothing to do.
}
