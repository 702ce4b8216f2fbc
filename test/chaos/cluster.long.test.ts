import { eventually, type RedisCluster, redisInfo, stopAll } from '@holdfast/testkit';
import { afterEach, it } from 'vitest';
import { EndedSessions } from './ended-sessions.js';
import { startOnCluster } from './redis-modes.js';
import { backInRedis, expectUnbroken, storedIn } from './storage.js';
import { OUTAGE_SEEDS, seeds, startLoad } from './system.js';

afterEach(stopAll);

/** Keys of the sessions on a master. */
async function sessionsOn({ nodes }: RedisCluster): Promise<string[][]> {
  const masters = nodes.filter((node) => node.running);
  const keys = await Promise.all(masters.map((node) => node.cli('keys', 'session:check-*')));
  return keys.map((lines) => lines.split('\n').filter((key) => key !== ''));
}

it.each(seeds('one master of three dies', OUTAGE_SEEDS))(
  'D6, G1, G2: one master of three is killed and its replica promoted: its sessions go on in memory until then, the others as if nothing were (seed %i)',
  async (seed) => {
    const system = await startOnCluster({ replicasPerMaster: 1 });
    const { cluster, gateways } = system;
    const load = await startLoad(system, seed);
    const ended = await EndedSessions.begin(system);
    await ended.delete();
    await load.accepted(150);
    const [key = ''] = (await sessionsOn(cluster)).flat();
    const victim = await cluster.ownerOf(key);
    await victim.kill();
    await storedIn('memory', gateways);
    await load.shown(100);
    await ended.expired();
    const truthMs = await backInRedis(system, load);
    await load.accepted(150);
    await ended.expectGone();
    await expectUnbroken('one master of three dies', system, load, truthMs);
  },
);

it.each(seeds('slots move while people chat', OUTAGE_SEEDS))(
  'A7: slots that move take their sessions along: nobody misses anything, and nobody waits for long (seed %i)',
  async (seed) => {
    const system = await startOnCluster();
    const { cluster } = system;
    const load = await startLoad(system, seed);
    await load.accepted(150);
    for (const key of (await sessionsOn(cluster)).flat()) await cluster.moveSlot(key, () => load.accepted(20));
    const truthMs = await backInRedis(system, load);
    await expectUnbroken('slots move while people chat', system, load, truthMs);
  },
);

it.each(seeds('every master hands over to its replica', OUTAGE_SEEDS))(
  'A7, D6: masters that hand over to their replicas while people chat are followed, and nobody misses anything (seed %i)',
  async (seed) => {
    const system = await startOnCluster({ replicasPerMaster: 1 });
    const { cluster } = system;
    const load = await startLoad(system, seed);
    await load.accepted(150);
    for (const replica of cluster.nodes.slice(3)) {
      const isMaster = async (): Promise<boolean> =>
        (await redisInfo(replica.port, 'replication')).get('role') === 'master';
      await replica.cli('cluster', 'failover');
      await eventually(`${replica.name} to take over`, isMaster, { timeoutMs: 30_000 });
      await load.flowing();
    }
    await cluster.whole();
    const truthMs = await backInRedis(system, load);
    await expectUnbroken('every master hands over to its replica', system, load, truthMs);
  },
);
