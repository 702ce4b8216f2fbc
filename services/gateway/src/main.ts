import { setFlagsFromString } from 'node:v8';
import { adminAccess, ConfigError, loadConfig } from '@holdfast/config';
import { RedisFanOut } from '@holdfast/fan-out';
import {
  closeRedis,
  connectSubscriber,
  createRedisPool,
  RedisRefusedError,
  refusalOf,
  waitUntilReady,
  watchPermissions,
} from '@holdfast/redis-client';
import { namesOf, pooled, RedisOrders, RedisSessionStore, Seal, SealedSessionStore } from '@holdfast/session-store';
import {
  createLogger,
  createMetrics,
  createShutdown,
  Descriptors,
  logUncaught,
  ProcessLoad,
  startAdminListener,
  unpublishedReporter,
} from '@holdfast/telemetry';
import { startGateway } from './gateway.js';
import { tuneHeap } from './heap-tuning.js';
import { findMissingPermissions } from './redis/permissions.js';
import { SealedFanOut } from './redis/sealed-fan-out.js';

/** How long closing may take after the drain. */
const CLOSE_MS = 8_000;

/**
 * The gateway's process: settings, connections to Redis, the gateway itself, the admin listener, signals. Shutdown closes
 * them in the opposite order, so that the gateway still has Redis while it closes.
 */
async function main(): Promise<void> {
  // This thread alone collects young objects: helper threads would use a tenth more CPU than they save.
  setFlagsFromString('--no-parallel-scavenge');
  const config = loadConfig('gateway');
  const identity = { service: 'gateway' as const, color: config.color, instance: config.instance };
  const logger = createLogger({ ...identity, ...config.log });
  logUncaught(logger);
  const metrics = createMetrics(identity);
  const shutdown = createShutdown({ logger, timeoutMs: CLOSE_MS });
  const onError = (err: Error): void => logger.debug({ err }, 'Redis connection');
  const onRefused = (reason: string): void => logger.error({ reason }, 'Redis refuses the connection');
  const pool = createRedisPool(config.redis, { name: 'holdfast-gateway', onError, onRefused });
  for (const client of pool) shutdown.add('command connection', () => closeRedis(client));
  const connections = connectSubscriber(config.redis, pool[0], { name: 'holdfast-gateway-live', onError, onRefused });
  const redisFanOut = new RedisFanOut(connections);
  shutdown.add('fan-out', () => redisFanOut.close());
  const { ttl: defaultTtl, historyMax, maxBytes: sessionMaxBytes } = config.sessions;
  const names = namesOf(config.redis);
  const onUnpublished = unpublishedReporter(logger, metrics.redis);
  const seal = new Seal(config.encryption.keys, config.encryption.seals);
  const storeOptions = { names, defaultTtl, historyMax, sessionMaxBytes, onUnpublished, sealed: seal.isOn };
  const store = pooled(pool.map((client) => new RedisSessionStore(client, storeOptions)));
  const sessionLog = new SealedSessionStore(store, seal, metrics.redis.unreadable);
  const fanOut = seal.isOn ? new SealedFanOut(redisFanOut, names, seal, metrics.redis.unreadable) : redisFanOut;
  // In cluster mode there is no subscriber yet: one is made for each node when the nodes are known.
  const clients = typeof connections.subscriber === 'function' ? pool : [...pool, connections.subscriber];
  await Promise.all(clients.map((client) => waitUntilReady(client, config.redis.timeoutMs))).catch((err: unknown) => {
    // Waiting does not help against a setting that is wrong (D7).
    if (err instanceof RedisRefusedError) throw err;
    logger.warn({ err }, 'Starting without Redis');
  });
  await watchPermissions(pool[0], () => findMissingPermissions(pool[0], fanOut, names), onRefused);
  const descriptors = await Descriptors.watch();
  const load = new ProcessLoad({ logger, metrics: metrics.process, descriptors, ...config.load });
  load.start();
  shutdown.add('load', () => load.stop());
  const gateway = await startGateway(
    { config, logger, metrics, sessionLog, fanOut, orders: new RedisOrders(pool[0], names), load },
    descriptors,
  );
  shutdown.add('gateway', () => gateway.close());
  const stopTuning = tuneHeap(() => metrics.gateway.counters.messagesIn);
  shutdown.add('heap tuning', stopTuning);
  const stop = async (reason: string): Promise<void> => {
    logger.info({ reason }, 'Draining');
    await gateway.core.drain();
    process.exitCode = await shutdown.run(reason);
    metrics.close();
  };
  const admin = await startAdminListener({
    host: config.adminHost,
    port: config.adminPort,
    access: adminAccess(config),
    metrics,
    readiness: () => {
      const refused = clients.map(refusalOf).find((reason) => reason !== undefined);
      return { ...gateway.core.readiness(), ...(refused !== undefined && { redis_refused: refused }) };
    },
    onDrain: () => void stop('POST /drain'),
  });
  shutdown.add('admin listener', () => admin.close());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop(signal));
  logger.info({ port: gateway.port, adminPort: admin.port }, `Gateway listens on ${config.host}:${gateway.port}`);
}

main().catch((error: unknown) => {
  const text = error instanceof ConfigError || error instanceof Error ? error.message : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
