import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.js';
import { registerCleanup } from './cleanup.js';
import { eventually } from './deadline.js';
import { freePorts } from './free-port.js';
import { redisCli, redisInfo } from './redis-cli.js';
import { type RedisServer, startRedis } from './redis-server.js';

export interface SentinelOptions {
  /** How many replicas the master has. Default 1. */
  replicas?: number;
  /** How many Sentinels there are, of which more than half have to agree. Default 3. */
  sentinels?: number;
  /** Milliseconds of silence after which the master counts as down. Default 1500. */
  downAfterMs?: number;
  /** Further arguments of the Redis servers, such as `--min-replicas-to-write 1`. */
  args?: readonly string[];
}

/** The Sentinels' name for the master, for `REDIS_SENTINEL_MASTER`. */
export const SENTINEL_MASTER = 'holdfast';

export interface SentinelSet {
  readonly masterName: string;
  /** The Redis servers. The first one was the master at the start. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly Child[];
  /** The Sentinels' addresses, for `CHANNEL_REDIS_URL`. */
  readonly urls: readonly string[];
  /** The current master, according to the Sentinels. */
  master(): Promise<RedisServer>;
  /** Waits until the Sentinels name another master than the old one, and the new one accepts writes. */
  failedOverFrom(old: RedisServer, timeoutMs?: number): Promise<RedisServer>;
}

/** Starts a master, its replicas and Sentinels on free ports of 127.0.0.1. Resolves when all know each other. */
export async function startSentinel(options: SentinelOptions = {}): Promise<SentinelSet> {
  const { replicas = 1, sentinels: sentinelCount = 3, downAfterMs = 1_500, args = [] } = options;
  // A master waits five seconds for more replicas, unless told otherwise, before it sends its data to the first.
  const serverArgs = ['--repl-diskless-sync-delay', '0', ...args];
  const first = await startRedis({ name: 'redis master', args: serverArgs });
  const replicaArgs = [...serverArgs, '--replicaof', `127.0.0.1 ${first.port}`];
  const others = await Promise.all(
    Array.from({ length: replicas }, (_, i) => startRedis({ name: `redis replica ${i + 1}`, args: replicaArgs })),
  );
  const servers = [first, ...others];
  await eventually('the replicas to be in sync', async () => {
    const states = await Promise.all(others.map((server) => redisInfo(server.port, 'replication')));
    return states.every((state) => state.get('master_link_status') === 'up');
  });

  const ports = await freePorts(sentinelCount);
  const sentinels = await Promise.all(
    ports.map((port, i) => startOneSentinel(`sentinel ${i + 1}`, port, first.port, quorum(sentinelCount), downAfterMs)),
  );
  const firstPort = ports[0] ?? 0;
  await eventually('the Sentinels to know each other', async () => {
    const seen = await Promise.all(ports.map((port) => redisCli(port, 'sentinel', 'master', SENTINEL_MASTER)));
    return seen.every((state) => {
      const fields = state.split('\n');
      const field = (name: string) => Number(fields[fields.indexOf(name) + 1]);
      return field('num-other-sentinels') === sentinelCount - 1 && field('num-slaves') === replicas;
    });
  });

  const master = async (): Promise<RedisServer> => {
    const answer = await redisCli(firstPort, 'sentinel', 'get-master-addr-by-name', SENTINEL_MASTER);
    const port = Number(answer.split('\n')[1]);
    const found = servers.find((server) => server.port === port);
    if (!found) throw new Error(`the Sentinels name a master that is not of this set: ${answer}`);
    return found;
  };
  return {
    masterName: SENTINEL_MASTER,
    servers,
    sentinels,
    urls: ports.map((port) => `redis://127.0.0.1:${port}`),
    master,
    failedOverFrom: (old, timeoutMs = 60_000) =>
      eventually(
        `a failover from ${old.name}`,
        async () => {
          const now = await master();
          if (now === old) return undefined;
          return (await redisInfo(now.port, 'replication')).get('role') === 'master' ? now : undefined;
        },
        { timeoutMs },
      ),
  };
}

function quorum(sentinels: number): number {
  return Math.floor(sentinels / 2) + 1;
}

async function startOneSentinel(
  name: string,
  port: number,
  masterPort: number,
  agree: number,
  downAfterMs: number,
): Promise<Child> {
  // Each Sentinel needs its own configuration file, because it writes what it learns into that file.
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-sentinel-'));
  registerCleanup(`${name} directory`, () => rm(dir, { recursive: true, force: true }));
  const file = join(dir, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${dir}`,
    `sentinel monitor ${SENTINEL_MASTER} 127.0.0.1 ${masterPort} ${agree}`,
    `sentinel down-after-milliseconds ${SENTINEL_MASTER} ${downAfterMs}`,
    `sentinel failover-timeout ${SENTINEL_MASTER} 5000`,
    `sentinel parallel-syncs ${SENTINEL_MASTER} 1`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = await startChild({ name, command: 'redis-server', args: [file, '--sentinel'] });
  await child.log.waitFor('+monitor master');
  return child;
}
