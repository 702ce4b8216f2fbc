import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';
import { backoffMs } from './backoff.js';
import { parseRedisUrl, type RedisEndpoint } from './redis-endpoint.js';
import { isDemotedMaster } from './redis-errors.js';

/** How to reach Redis. The `redis` settings of `@holdfast/config` have this shape. */
export interface ConnectionSettings {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** At least one: the server; the Sentinels; some nodes of the cluster. */
  readonly urls: readonly string[];
  /** Needed in mode `sentinel`. */
  readonly sentinelMaster?: string;
  /** Texts in PEM for `rediss:`: authorities that are trusted in place of the system's, and a certificate of our own. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Milliseconds without an answer after which Redis counts as away. */
  readonly timeoutMs: number;
}

/** What a connection is for: the product's commands, its subscriptions, or BullMQ. */
export type ConnectionRole = 'commands' | 'subscriber' | 'bullmq';

/** Replies have the shapes of RESP2, which our types expect, whatever protocol is spoken. */
type Legacy<Options> = Options & { readonly replyMapping: 'legacy' };
type NodeOptions = Legacy<NonNullable<ClusterOptions['redisOptions']>>;

/**
 * Options that all kinds of connections share.
 *
 * Commands and subscriptions fail fast and are never sent twice. When a connection is lost, only the caller knows whether
 * repeating an unanswered command is safe (A5). Nothing is queued while there is no connection (D2).
 *
 * A silent server counts as gone: `socketTimeout` drops the connection. Otherwise the commands sent into it would wait in
 * memory, and the answers to commands that were given up would delay the next ones.
 *
 * BullMQ has rules of its own: it blocks for seconds on purpose, and needs commands to wait for the connection.
 */
function behaviour(settings: ConnectionSettings, name: string, role: ConnectionRole): NodeOptions {
  const shared: NodeOptions = {
    replyMapping: 'legacy',
    connectionName: name,
    connectTimeout: settings.timeoutMs,
    disableClientInfo: true,
    // A socket that was told to close and has not closed after this time is destroyed (milliseconds).
    disconnectTimeout: 100,
  };
  if (role === 'bullmq') return { ...shared, maxRetriesPerRequest: null };
  return {
    ...shared,
    commandTimeout: settings.timeoutMs,
    socketTimeout: settings.timeoutMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: role !== 'subscriber',
    // A server that is reading its data back is asked again after this time (milliseconds).
    maxLoadingRetryTime: 500,
  };
}

/**
 * Options of a connection to one server, named by its URL or by the Sentinels.
 *
 * @throws {TypeError} when a URL is not one, or the Sentinels' master has no name
 */
export function redisOptions(settings: ConnectionSettings, name: string, role: ConnectionRole): Legacy<RedisOptions> {
  const common: Legacy<RedisOptions> = {
    ...behaviour(settings, name, role),
    enableOfflineQueue: role === 'bullmq',
    retryStrategy: (attempt) => backoffMs(attempt),
    // The next connection finds the new master. Nothing is sent again.
    reconnectOnError: isDemotedMaster,
  };
  if (settings.mode !== 'sentinel') return { ...common, ...firstOf(settings) };
  if (settings.sentinelMaster === undefined) throw new TypeError('sentinel mode needs the name of the master');
  const { host: _host, port: _port, tls, ...credentials } = firstOf(settings);
  return {
    ...common,
    ...credentials,
    name: settings.sentinelMaster,
    sentinels: settings.urls.map((url) => parseRedisUrl(url, 26_379)).map(({ host, port }) => ({ host, port })),
    sentinelCommandTimeout: settings.timeoutMs,
    sentinelRetryStrategy: (attempt) => backoffMs(attempt),
    // ioredis' failover detector stays off: it prints an error for every attempt to reach a Sentinel that is down, and
    // outlives `quit`. Sentinels themselves cut the connections of a demoted master; the time-out for silence and the
    // refusal of writes cover the rest.
    // Sentinels tell the master's address only, so that no server name can be given.
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, tls: { ...settings.tls }, sentinelTLS: tls }),
  };
}

/** Options of a connection to one node of a cluster, without its address. @throws {TypeError} when a URL is not one */
export function nodeOptions(settings: ConnectionSettings, name: string, role: ConnectionRole): Legacy<RedisOptions> {
  const options = redisOptions({ ...settings, mode: 'standalone' }, name, role);
  // A cluster tells its nodes' addresses only, so that no server name can be given.
  return options.tls ? { ...options, tls: { ...settings.tls } } : options;
}

function firstOf(settings: ConnectionSettings): RedisEndpoint {
  const [first] = settings.urls;
  if (first === undefined) throw new TypeError('there is no Redis URL');
  const endpoint = parseRedisUrl(first, settings.mode === 'sentinel' ? 26_379 : 6379);
  return endpoint.tls && settings.tls ? { ...endpoint, tls: { ...endpoint.tls, ...settings.tls } } : endpoint;
}

/** Nodes and options of a connection to a cluster. @throws {TypeError} when a URL is not one */
export function clusterOptions(
  settings: ConnectionSettings,
  name: string,
  role: ConnectionRole,
): { nodes: ClusterNode[]; options: ClusterOptions & { redisOptions: NodeOptions } } {
  const { username, password, tls } = firstOf(settings);
  return {
    nodes: settings.urls.map((url) => parseRedisUrl(url)).map(({ host, port }) => ({ host, port })),
    options: {
      redisOptions: {
        ...behaviour(settings, name, role),
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(tls === undefined ? {} : { tls: { ...settings.tls } }),
      },
      ...(tls === undefined ? {} : { dnsLookup: keepName }),
      enableOfflineQueue: role === 'bullmq',
      clusterRetryStrategy: (attempt) => backoffMs(attempt),
      slotsRefreshTimeout: settings.timeoutMs,
      // A shard that moved is found by the redirection of the next command. This finds shards that nobody writes to.
      slotsRefreshInterval: 5000,
      ...(role === 'bullmq' ? {} : atMostOnce(settings.timeoutMs)),
    },
  };
}

/**
 * Options with which a cluster's commands are carried out at most once (A5).
 *
 * By default ioredis sends commands again when their connection is lost or their shard is down, although they may have
 * been carried out: this is switched off. It still follows redirections and repeats what a node refused because the slot
 * is moving, which is safe. Those attempts must end before the command's own time-out: otherwise a command that was given
 * up would still be sent.
 */
function atMostOnce(timeoutMs: number): Omit<ClusterOptions, 'redisOptions'> {
  const retryDelayOnTryAgain = Math.min(50, Math.floor(timeoutMs / 10));
  return { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, retryDelayOnTryAgain, maxRedirections: 5 };
}

/** With TLS the certificate names the host, so that the name must not be replaced by its address. */
function keepName(hostname: string, done: (error: null, address: string) => void): void {
  done(null, hostname);
}
