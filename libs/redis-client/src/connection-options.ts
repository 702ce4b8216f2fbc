import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';
import { backoffMs } from './backoff.js';
import { parseRedisUrl, type RedisEndpoint } from './redis-endpoint.js';
import { isDemotedMaster } from './redis-errors.js';

/** How to reach Redis; what `@holdfast/config` reads has this shape. */
export interface ConnectionSettings {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /** At least one. */
  readonly urls: readonly string[];
  readonly sentinelMaster?: string;
  /** Milliseconds without an answer after which Redis counts as away. */
  readonly timeoutMs: number;
}

/** What a connection is for: its own commands, subscriptions, or BullMQ's. */
export type ConnectionRole = 'commands' | 'subscriber' | 'bullmq';

/** Replies have the shapes of RESP2, whatever protocol is spoken: those that the types of our code expect. */
type Legacy<Options> = Options & { readonly replyMapping: 'legacy' };
type NodeOptions = Legacy<NonNullable<ClusterOptions['redisOptions']>>;

/**
 * Commands and subscriptions fail fast and are never sent twice: what a lost connection leaves open is for the caller
 * to settle, who knows whether a repetition is safe (A5). Nothing is queued while there is no connection (D2).
 *
 * A server that is silent is as good as gone: `socketTimeout` drops the connection, or the commands sent into it would
 * wait in memory, and the answers to those given up would hold up the next ones.
 *
 * BullMQ brings its own rules: it blocks for seconds on purpose, and needs commands to wait for the connection.
 */
function behaviour(settings: ConnectionSettings, name: string, role: ConnectionRole): NodeOptions {
  const shared: NodeOptions = {
    replyMapping: 'legacy',
    connectionName: name,
    connectTimeout: settings.timeoutMs,
    disableClientInfo: true,
    // What was asked to close and does not answer even that is cut off.
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
    // A server that is reading its data back is asked again this often.
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
    // outlives `quit`. Sentinels cut a demoted master's connections themselves; silence and READONLY do the rest.
    // The master is known by an address only: whom the certificate must name is not known here.
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, tls: {}, sentinelTLS: tls }),
  };
}

/** Options of a connection to one node of a cluster, but for its address. @throws {TypeError} when a URL is not one */
export function nodeOptions(settings: ConnectionSettings, name: string, role: ConnectionRole): Legacy<RedisOptions> {
  const options = redisOptions({ ...settings, mode: 'standalone' }, name, role);
  // A cluster tells its nodes' addresses, not whom their certificates name.
  return options.tls ? { ...options, tls: {} } : options;
}

function firstOf(settings: ConnectionSettings): RedisEndpoint {
  const [first] = settings.urls;
  if (first === undefined) throw new TypeError('there is no Redis URL');
  return parseRedisUrl(first, settings.mode === 'sentinel' ? 26_379 : 6379);
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
        ...(tls === undefined ? {} : { tls: {} }),
      },
      ...(tls === undefined ? {} : { dnsLookup: keepName }),
      enableOfflineQueue: role === 'bullmq',
      clusterRetryStrategy: (attempt) => backoffMs(attempt),
      slotsRefreshTimeout: settings.timeoutMs,
      // A shard that moved is found by the redirection of the next command; this is for shards nobody writes to.
      slotsRefreshInterval: 5000,
      ...(role === 'bullmq' ? {} : sentOnce(settings.timeoutMs)),
    },
  };
}

/**
 * ioredis sends a cluster's commands again when their connection is lost or their shard is down, although they may have
 * been carried out: off. It goes on with what a node refused (MOVED, ASK, TRYAGAIN), which is safe, and
 * must end before the command's own time-out does, or a command given up would still be sent.
 */
function sentOnce(timeoutMs: number): Omit<ClusterOptions, 'redisOptions'> {
  const retryDelayOnTryAgain = Math.min(50, Math.floor(timeoutMs / 10));
  return { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0, retryDelayOnTryAgain, maxRedirections: 5 };
}

/** With TLS the certificate names the host: it must not be replaced by its address. */
function keepName(hostname: string, done: (error: null, address: string) => void): void {
  done(null, hostname);
}
