import { fileURLToPath } from 'node:url';
import { adminAccess, type Config, ConfigError, loadConfig } from '@holdfast/config';
import { MemoryBroker, MemoryFanOut } from '@holdfast/fan-out';
import { type Gateway, startGateway } from '@holdfast/gateway';
import { buildListeners } from '@holdfast/session-api';
import { MemoryOrders, MemorySessionStore, MemoryWindowCounters, namesOf } from '@holdfast/session-store';
import {
  createLogger,
  createMetrics,
  createShutdown,
  Descriptors,
  type Logger,
  logUncaught,
  type Metrics,
  ProcessLoad,
  type Shutdown,
  startAdminListener,
} from '@holdfast/telemetry';

/** The built web page, relative to `dist/`. */
const WEB_ROOT = fileURLToPath(new URL('../../web/dist', import.meta.url));
/** How long everything may take to close after the drain. */
const CLOSE_MS = 4_000;

/** What each service of the process has of its own. */
interface Part {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly load: ProcessLoad;
}

/** What all of them share. */
interface Shared {
  readonly store: MemorySessionStore;
  readonly broker: MemoryBroker;
  readonly orders: MemoryOrders;
  readonly descriptors: Descriptors;
  readonly shutdown: Shutdown;
}

/**
 * Runs the gateways and session-api in one process, with one store in its memory, on a machine without Redis.
 *
 * @param ports `PORT:ADMIN_PORT` of each gateway, then of session-api
 */
async function main(ports: readonly string[]): Promise<void> {
  const gatewayPorts = ports.slice(0, -1);
  const apiPorts = ports.at(-1) ?? '0:0';
  const descriptors = await Descriptors.watch();
  const api = partOf('session-api', apiPorts, descriptors);
  logUncaught(api.logger);
  const shutdown = createShutdown({ logger: api.logger, timeoutMs: api.config.drainSeconds * 1000 + CLOSE_MS });
  const broker = new MemoryBroker();
  const { ttl, historyMax, maxBytes: sessionMaxBytes } = api.config.sessions;
  const store = new MemorySessionStore({
    live: broker,
    names: namesOf(api.config.redis),
    defaultTtl: ttl,
    historyMax,
    sessionMaxBytes,
  });

  const shared = { store, broker, orders: new MemoryOrders(), descriptors, shutdown };
  await startApi(api, shared);
  const gateways: Gateway[] = [];
  // All gateways close at the same time, because each takes as long as its drain.
  shutdown.add('gateways', () => Promise.all(gateways.map(drainAndClose)).then(() => undefined));
  for (const pair of gatewayPorts) {
    gateways.push(await startOne(partOf('gateway', pair, descriptors), shared));
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => void shutdown.run(signal).then((code) => process.exit(code)));
  }
}

function partOf(service: 'gateway' | 'session-api', pair: string, descriptors: Descriptors): Part {
  const [port, adminPort] = pair.split(':');
  const config = loadConfig(service, { ...process.env, PORT: port, ADMIN_PORT: adminPort });
  const { color, instance } = config;
  const logger = createLogger({ service, color, instance, ...config.log });
  const metrics = createMetrics({ service, color, instance });
  const load = new ProcessLoad({ logger, metrics: metrics.process, descriptors, ...config.load });
  load.start();
  return { config, logger, metrics, load };
}

async function startApi(part: Part, { store: sessions, broker, orders, descriptors, shutdown }: Shared) {
  const { config, logger, metrics, load } = part;
  shutdown.add('metrics', () => metrics.close());
  const context = {
    config,
    logger,
    metrics,
    sessions,
    orders,
    fanOut: new MemoryFanOut(broker),
    names: namesOf(config.redis),
    counters: new MemoryWindowCounters(),
    status: async () => ({ connected: false, url: 'memory://', mode: 'memory' as const }),
    webRoot: WEB_ROOT,
    load,
  };
  const listeners = await buildListeners(context, config, descriptors);
  await listeners.listen();
  shutdown.add('http server', () => listeners.close());
  const admin = await startAdminListener({
    host: config.adminHost,
    port: config.adminPort,
    access: adminAccess(config),
    metrics,
    readiness: () => {
      const { full, ...overload } = load.readiness();
      return { ready: !full, storage: 'memory', ...overload };
    },
  });
  shutdown.add('admin listener', () => admin.close());
}

async function startOne(
  part: Part,
  { store: sessionLog, broker, orders, descriptors, shutdown }: Shared,
): Promise<Gateway> {
  const { config, logger, metrics, load } = part;
  shutdown.add('metrics', () => metrics.close());
  const fanOut = new MemoryFanOut(broker);
  const gateway = await startGateway({ config, logger, metrics, sessionLog, fanOut, orders, load }, descriptors);
  const admin = await startAdminListener({
    host: config.adminHost,
    port: config.adminPort,
    access: adminAccess(config),
    metrics,
    readiness: () => gateway.core.readiness(),
    onDrain: () => void gateway.core.drain(),
  });
  shutdown.add('admin listener', () => admin.close());
  return gateway;
}

async function drainAndClose(gateway: Gateway): Promise<void> {
  await gateway.core.drain();
  await gateway.close();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof ConfigError || error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
