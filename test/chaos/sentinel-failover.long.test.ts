import { eventually, redisCli, stopAll } from '@holdfast/testkit';
import { afterEach, it } from 'vitest';
import { EndedSessions } from './ended-sessions.js';
import { startOnSentinels } from './redis-modes.js';
import { backInRedis, expectUnbroken } from './storage.js';
import { OUTAGE_SEEDS, seeds, startLoad } from './system.js';

afterEach(stopAll);

it.each(seeds('Sentinel failover to a replica that lagged', OUTAGE_SEEDS))(
  'G1, G2, G5: what a lagging replica lacks when it becomes master is healed, and what it still has is deleted again (seed %i)',
  async (seed) => {
    const system = await startOnSentinels();
    const [master, replica] = system.set.servers;
    if (!master || !replica) throw new Error('no master with a replica');
    const load = await startLoad(system, seed);
    const ended = await EndedSessions.begin(system);
    await load.accepted(150);
    // The replica is stopped and its link is cut, so that it misses everything that follows.
    replica.pause();
    await master.cli('client', 'kill', 'type', 'replica');
    await ended.delete();
    await load.accepted(300);
    await ended.expired();
    await master.kill();
    replica.resume();
    await system.set.failedOverFrom(master);
    await eventually('the replica to take writes', () => replica.cli('set', 'probe', '1', 'PX', '1'), {
      timeoutMs: 30_000,
    });
    const truthMs = await backInRedis(system, load);
    await load.accepted(150);
    await ended.expectGone();
    await expectUnbroken('Sentinel failover to a replica that lagged', system, load, truthMs);
  },
);

it.each(seeds('a failover that an operator asks for', OUTAGE_SEEDS))(
  'D3: a master that is told to hand over while people chat is left, and nobody misses anything (seed %i)',
  async (seed) => {
    const system = await startOnSentinels();
    const { set } = system;
    const load = await startLoad(system, seed);
    await load.accepted(150);
    const master = await set.master();
    await redisCli(Number(new URL(set.urls[0] ?? '').port), 'sentinel', 'failover', set.masterName);
    await set.failedOverFrom(master);
    const truthMs = await backInRedis(system, load);
    await load.accepted(150);
    await expectUnbroken('a failover that an operator asks for', system, load, truthMs);
  },
);
