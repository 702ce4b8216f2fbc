import { eventually } from './deadline.js';
import { isPortFree } from './free-port.js';
import { redisInfo } from './redis-cli.js';
import { type RedisServer, startRedis } from './redis-server.js';

const SLOTS = 16_384;

export interface ClusterOptions {
  /** Default 3, the smallest possible number. */
  masters?: number;
  /** Default 0. */
  replicasPerMaster?: number;
  /** Milliseconds of silence after which a node counts as failing. Default 2000. */
  nodeTimeoutMs?: number;
  /** Further arguments of every node. */
  args?: readonly string[];
}

export interface RedisCluster {
  /** The masters, then the replicas. */
  readonly nodes: readonly RedisServer[];
  /** Addresses of all nodes, for `CHANNEL_REDIS_URL`. */
  readonly urls: readonly string[];
  /** The master that has the slot of a key now. */
  ownerOf(key: string): Promise<RedisServer>;
  /**
   * Moves a key's slot, with every key in it, to another master, one step after the other as resharding does.
   *
   * @param halfway runs when both nodes have the slot on the move, and its keys are still where they were
   * @returns the master that has it now
   */
  moveSlot(key: string, halfway?: () => Promise<void>): Promise<RedisServer>;
  /** Waits until every running node reports that the cluster is complete. */
  whole(timeoutMs?: number): Promise<void>;
}

/** Starts a Redis Cluster on 127.0.0.1. Resolves when all nodes agree that every slot is served. */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicasPerMaster = 0, nodeTimeoutMs = 2_000, args = [] } = options;
  const clusterArgs = [
    ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
    ...['--cluster-node-timeout', String(nodeTimeoutMs)],
    // D6: when one shard is down, the others go on.
    ...['--cluster-require-full-coverage', 'no'],
  ];
  const ports = await freeClusterPorts(masters * (1 + replicasPerMaster));
  const nodes = await Promise.all(
    ports.map((port, i) => startRedis({ name: `cluster node ${i + 1}`, port, args: [...clusterArgs, ...args] })),
  );
  await join(nodes, masters);

  const whole = async (timeoutMs = 60_000): Promise<void> => {
    await eventually('the cluster to be whole', () => isWhole(nodes, masters), { timeoutMs, everyMs: 100 });
  };
  await whole();
  return {
    nodes,
    urls: nodes.map((node) => `redis://127.0.0.1:${node.port}`),
    whole,
    ownerOf: (key) => ownerOf(nodes, key),
    moveSlot: (key, halfway) => moveSlot(nodes, key, halfway),
  };
}

/**
 * Makes nodes one cluster. Does in a moment what `redis-cli --cluster create` does with pauses of a second.
 *
 * @param nodes masters first
 */
async function join(nodes: readonly RedisServer[], masters: number): Promise<void> {
  const slotsFrom = (index: number) => Math.floor((SLOTS * index) / masters);
  for (const [i, node] of nodes.slice(0, masters).entries()) {
    await node.cli('cluster', 'addslotsrange', slotsFrom(i), slotsFrom(i + 1) - 1);
    // Two masters must not have the same epoch.
    await node.cli('cluster', 'set-config-epoch', i + 1);
  }
  for (const [i, node] of nodes.entries()) {
    for (const other of nodes.slice(i + 1)) await node.cli('cluster', 'meet', '127.0.0.1', other.port);
  }
  for (const [i, replica] of nodes.slice(masters).entries()) {
    const masterId = (await nodes[i % masters]?.cli('cluster', 'myid')) ?? '';
    await eventually('a replica to know its master', async () =>
      (await replica.cli('cluster', 'replicate', masterId)).startsWith('OK'),
    );
  }
}

async function isWhole(nodes: readonly RedisServer[], masters: number): Promise<boolean> {
  const running = nodes.filter((node) => node.running);
  const states = await Promise.all(running.map((node) => node.cli('cluster', 'info')));
  const replication = await Promise.all(running.map((node) => redisInfo(node.port, 'replication')));
  return (
    states.every(
      (state) =>
        state.includes('cluster_state:ok') &&
        state.includes(`cluster_size:${masters}`) &&
        state.includes(`cluster_slots_ok:${SLOTS}`) &&
        state.includes(`cluster_known_nodes:${nodes.length}`),
    ) && replication.every((state) => state.get('role') === 'master' || state.get('master_link_status') === 'up')
  );
}

async function ownerOf(nodes: readonly RedisServer[], key: string): Promise<RedisServer> {
  const asked = nodes.find((node) => node.running);
  if (!asked) throw new Error('no node of the cluster is running');
  const slot = Number(await asked.cli('cluster', 'keyslot', key));
  for (const line of (await asked.cli('cluster', 'nodes')).split('\n')) {
    const [, address, flags, , , , , , ...slots] = line.split(' ');
    if (!flags?.includes('master') || flags.includes('fail')) continue;
    const holds = slots.some((range) => {
      const [from = Number.NaN, to = from] = range.split('-').map(Number);
      return slot >= from && slot <= to;
    });
    const owner = nodes.find((node) => address?.startsWith(`127.0.0.1:${node.port}@`));
    if (holds && owner) return owner;
  }
  throw new Error(`no node holds slot ${slot} of ${key}`);
}

async function moveSlot(
  nodes: readonly RedisServer[],
  key: string,
  halfway: (() => Promise<void>) | undefined,
): Promise<RedisServer> {
  const from = await ownerOf(nodes, key);
  const roles = await Promise.all(nodes.map((node) => node.running && redisInfo(node.port, 'replication')));
  const masters = nodes.filter((_node, index) => {
    const role = roles[index];
    return role && role.get('role') === 'master';
  });
  const to = masters[(masters.indexOf(from) + 1) % masters.length];
  if (!to || to === from) throw new Error('there is no other master');
  const slot = await from.cli('cluster', 'keyslot', key);
  const [fromId, toId] = await Promise.all([from, to].map((node) => node.cli('cluster', 'myid')));
  await to.cli('cluster', 'setslot', slot, 'importing', String(fromId));
  await from.cli('cluster', 'setslot', slot, 'migrating', String(toId));
  await halfway?.();
  for (let keys = await keysIn(from, slot); keys.length > 0; keys = await keysIn(from, slot)) {
    // The keys move one by one, so that for a while a session and its log are on different nodes.
    for (const each of keys) await from.cli('migrate', '127.0.0.1', to.port, each, 0, 5_000);
  }
  for (const node of [to, from, ...masters.filter((master) => master !== to && master !== from)]) {
    await node.cli('cluster', 'setslot', slot, 'node', String(toId));
  }
  return to;
}

async function keysIn(node: RedisServer, slot: string): Promise<string[]> {
  return (await node.cli('cluster', 'getkeysinslot', slot, 100)).split('\n').filter((key) => key !== '');
}

/** A port that is free together with the port 10000 above it, which the nodes use among each other. */
async function freeClusterPorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; attempt < 100 * count && ports.size < count; attempt++) {
    const port = 12_000 + Math.floor(Math.random() * 10_000);
    if ((await isPortFree(port)) && (await isPortFree(port + 10_000))) ports.add(port);
  }
  if (ports.size < count) throw new Error('there are not enough free pairs of ports for the nodes of a cluster');
  return [...ports];
}
