import { fileURLToPath } from 'node:url';
import { adminAccess, ConfigError, loadConfig } from '@holdfast/config';
import { RedisPublisher } from '@holdfast/fan-out';
import {
  closeRedis,
  createRedisPool,
  missingPermissions,
  RedisRefusedError,
  RedisWatch,
  refusalOf,
  waitUntilReady,
  watchPermissions,
} from '@holdfast/redis-client';
import {
  namesOf,
  pooled,
  RedisOrders,
  RedisSessionStore,
  RedisWindowCounters,
  Seal,
  SealedSessionStore,
  storePermissions,
} from '@holdfast/session-store';
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
import { buildListeners } from './listeners.js';
import { readRedisStatus } from './routes/redis-status.js';

/** Where the web UI is built to, as seen from `dist/`. */
const WEB_ROOT = fileURLToPath(new URL('../../web/dist', import.meta.url));

/** How long closing may take beyond `DRAIN_SECONDS`, so that without any wait the process still closes in order (B6). */
const CLOSE_MS = 8_000;

async function main(): Promise<void> {
  const config = loadConfig('session-api');
  const { service, color, instance } = config;
  const logger = createLogger({ service, color, instance, ...config.log });
  logUncaught(logger);
  const metrics = createMetrics({ service, color, instance });
  const shutdown = createShutdown({ logger, timeoutMs: config.drainSeconds * 1000 + CLOSE_MS });
  let listening = false;
  let draining = false;
  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    // A second signal hurries.
    if (stopping) process.exit(1);
    stopping = true;
    draining = true;
    process.exit(await shutdown.run(signal));
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));

  shutdown.add('metrics', () => metrics.close());
  const onRefused = (reason: string): void => logger.error({ reason }, 'Redis refuses the connection');
  const pool = createRedisPool(config.redis, { name: `holdfast-${service}`, onRefused });
  for (const each of pool) shutdown.add('redis', () => closeRedis(each));
  const [client] = pool;
  const watch = new RedisWatch({
    client,
    metrics: metrics.redis,
    onAway: (reason) => logger.warn({ reason }, 'Redis is away: answering 503 until it is back'),
    onBack: () => logger.info('Redis is back'),
  });
  shutdown.add('redis watch', () => watch.close());

  const descriptors = await Descriptors.watch();
  const load = new ProcessLoad({ logger, metrics: metrics.process, descriptors, ...config.load });
  load.start();
  shutdown.add('load', () => load.stop());

  const admin = await startAdminListener({
    host: config.adminHost,
    port: config.adminPort,
    access: adminAccess(config),
    metrics,
    // The process is ready while Redis is away: it serves the page, and answers 503 with a sentence (D4).
    readiness: () => {
      const refused = refusalOf(client);
      const { full, ...overload } = load.readiness();
      return {
        ready: listening && !draining && !full,
        ...overload,
        listening,
        draining,
        storage: watch.up ? 'redis' : 'unavailable',
        ...(refused !== undefined && { redis_refused: refused }),
      };
    },
    onDrain: () => {
      draining = true;
    },
  });
  shutdown.add('admin listener', () => admin.close());

  const { ttl: defaultTtl, historyMax, maxBytes: sessionMaxBytes } = config.sessions;
  const names = namesOf(config.redis);
  const onUnpublished = unpublishedReporter(logger, metrics.redis);
  const seal = new Seal(config.encryption.keys, config.encryption.seals);
  const storeOptions = { names, defaultTtl, historyMax, sessionMaxBytes, onUnpublished, sealed: seal.isOn };
  const context = {
    config,
    logger,
    metrics,
    sessions: new SealedSessionStore(
      pooled(pool.map((each) => new RedisSessionStore(each, storeOptions))),
      seal,
      metrics.redis.unreadable,
    ),
    orders: new RedisOrders(client, names),
    fanOut: new RedisPublisher(client),
    names,
    counters: new RedisWindowCounters(client, { names }),
    status: () => readRedisStatus(client, config.redis),
    webRoot: WEB_ROOT,
    load,
  };
  const listeners = await buildListeners(context, config, descriptors);
  shutdown.add('http server', () => listeners.close());
  // Waiting saves the first requests a 503. Without Redis the process starts all the same (D4).
  await waitUntilReady(client, config.redis.timeoutMs).catch((error: Error) => {
    // Waiting does not help against a setting that is wrong (D7).
    if (error instanceof RedisRefusedError) throw error;
    logger.warn(error.message);
  });
  const { isCluster } = client;
  const others = [
    ['scan', '0', 'COUNT', '1'],
    [isCluster ? 'spublish' : 'publish', names.broadcastChannel, ''],
  ];
  const needs = [storePermissions(names, isCluster), { keys: [], commands: others }];
  await watchPermissions(client, () => missingPermissions(client, needs), onRefused);
  const [address, management] = await listeners.listen();
  listening = true;
  const where = management === undefined ? {} : { management };
  logger.info({ address, ...where, adminPort: admin.port }, `Session API listening on ${address}`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(
    `${error instanceof ConfigError || error instanceof RedisRefusedError ? error.message : String(error)}\n`,
  );
  process.exit(1);
}
