import { adminAccess, ConfigError, loadConfig } from '@holdfast/config';
import { RedisRefusedError } from '@holdfast/redis-client';
import { createLogger, createMetrics, createShutdown, logUncaught, startAdminListener } from '@holdfast/telemetry';
import { startSweeper } from './sweeper.js';

/** How long closing may take: longer than one batch, and longer than Redis may be silent before it counts as away. */
const CLOSE_MS = 8_000;

try {
  await main();
} catch (error) {
  refuseToStart(error);
}

function refuseToStart(error: unknown): never {
  const known = error instanceof ConfigError || error instanceof RedisRefusedError;
  process.stderr.write(`The sweeper cannot start: ${known ? error.message : String(error)}\n`);
  process.exit(1);
}

async function main(): Promise<void> {
  const config = loadConfig('sweeper');
  const { color, instance } = config;
  const identity = { service: 'sweeper', color, instance } as const;
  const logger = createLogger({ ...identity, ...config.log });
  logUncaught(logger);
  const metrics = createMetrics(identity);
  const shutdown = createShutdown({ logger, timeoutMs: CLOSE_MS });
  shutdown.add('metrics', () => metrics.close());

  // The admin port outlives the sweeper, so that a probe sees it stopping.
  let stopping = false;
  const stop = (reason: string) => {
    // A second signal ends the process at once: other sweepers take over the jobs that were not given back.
    if (stopping) process.exit(1);
    stopping = true;
    void shutdown.run(reason).then((code) => process.exit(code));
  };
  const sweeper = startSweeper({ config, logger, metrics });
  await sweeper.connected().catch((error: unknown) => {
    // Without Redis the sweeper waits. Waiting does not help against a setting that is wrong (D7).
    if (error instanceof RedisRefusedError) refuseToStart(error);
  });
  const admin = await startAdminListener({
    host: config.adminHost,
    port: config.adminPort,
    access: adminAccess(config),
    metrics,
    readiness: sweeper.readiness,
    onDrain: () => {
      if (!stopping) stop('drain');
    },
  });
  shutdown.add('admin listener', admin.close);
  shutdown.add('sweeper', sweeper.close);
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  logger.info({ adminPort: admin.port, dryRun: config.audit.dryRun }, `Sweeper started, admin port ${admin.port}`);
}
