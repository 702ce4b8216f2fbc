import { stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  liveChannel,
  logKey,
  nameIndexKey,
  orphanKey,
  quarantinePrefix,
  RedisSessionManager,
  StorageUnavailableError,
  sessionKey,
  tombstoneKey,
} from '../src/index.js';
import { filled, keptIds, message, stored } from './messages.js';
import { type ClusterStores, clusterStores, type Store } from './stores.js';

let stores: ClusterStores;
let store: Store;

beforeAll(async () => {
  stores = await clusterStores();
  store = stores.create();
});
afterAll(async () => {
  await stores.close();
  await stopAll();
});

/** Ids of sessions on every shard. */
const IDS = Array.from({ length: 30 }, (_, n) => `shard-${n}`);

/** Lets a slot be on its way from its owner to another node, as `redis-cli --cluster reshard` does. */
async function moving(id: string, step: () => Promise<void>): Promise<void> {
  const { cluster } = stores;
  const owner = await cluster.ownerOf(sessionKey(id));
  const target = cluster.nodes.find((node) => node !== owner);
  if (!target) throw new Error('there is one node only');
  const slot = await owner.cli('cluster', 'keyslot', sessionKey(id));
  const [ownerId, targetId] = await Promise.all([owner, target].map((node) => node.cli('cluster', 'myid')));
  await target.cli('cluster', 'setslot', slot, 'importing', String(ownerId));
  await owner.cli('cluster', 'setslot', slot, 'migrating', String(targetId));
  await step();
  await Promise.all([owner, target].map((node) => node.cli('cluster', 'setslot', slot, 'stable')));
}

describe('sessions in a Redis Cluster', () => {
  it('K4: everything of a session hashes to the slot of its plain key', async () => {
    for (const id of ['a', 'my-session-id', 'x'.repeat(128), '~.-_']) {
      const names = [
        logKey(id),
        nameIndexKey(id),
        liveChannel(id),
        tombstoneKey(id),
        quarantinePrefix(id),
        orphanKey(id),
      ];
      const slot = await stores.client.cluster('KEYSLOT', sessionKey(id));
      for (const name of names) expect([name, await stores.client.cluster('KEYSLOT', name)]).toEqual([name, slot]);
    }
  });

  it('K4: sessions spread over all shards, and each has its log beside it', async () => {
    for (const id of IDS) await filled(store, id, 'm1');
    for (const node of stores.cluster.nodes) {
      const keys = (await node.cli('keys', '*shard-*')).split('\n');
      const sessions = keys.filter((key) => key.startsWith('session:'));
      expect(sessions.length).toBeGreaterThan(0);
      for (const key of sessions) expect(keys).toContain(logKey(key.slice('session:'.length)));
    }
  });

  it('lists the sessions of all shards once, in pages that may be smaller than a shard', async () => {
    for (const id of IDS) await store.open(id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list({ limit: 4, prefix: 'shard-', ...(cursor === undefined ? {} : { cursor }) });
      expect(page.sessions.length).toBeLessThanOrEqual(4);
      seen.push(...page.sessions.map((session) => session.sessionId));
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.sort()).toEqual([...IDS].sort());
  });

  it('the session manager works on it', async () => {
    const manager = new RedisSessionManager(store);
    await manager.storeSession({ sessionId: 'managed', data: { count: 5 }, ttl: 60 });
    expect(await manager.getSession('managed')).toMatchObject({ data: { count: 5 }, ttl: 60 });
    expect(await manager.deleteSession('managed')).toBe(true);
  });

  it('A7: an append goes on while its slot is on the move', async () => {
    await filled(store, 'on-the-move', 'm1');
    await moving('on-the-move', async () => {
      await filled(store, 'on-the-move', 'm2');
    });
    expect(await keptIds(store, 'on-the-move')).toEqual(['m1', 'm2']);
  });

  it('A4, A7: a retry is found while its slot is on the move, with an index and without', async () => {
    const indexed = stores.create({ searchBytes: 0 });
    const retryOf = async (id: string, name: string) =>
      (await stored(indexed, id, { messages: [message(name, { retry: 'anywhere' })] })).messages;
    for (const id of ['with-index', 'without-index']) await filled(indexed, id, 'm1', 'm2', 'm3', 'm4', 'm5', 'm6');
    expect(await retryOf('with-index', 'm4')).toEqual([{ seq: 4, duplicate: true }]);
    for (const id of ['with-index', 'without-index']) {
      await moving(id, async () => {
        expect(await retryOf(id, 'm2')).toEqual([{ seq: 2, duplicate: true }]);
        expect(await retryOf(id, 'm7')).toEqual([{ seq: 7, duplicate: false }]);
        expect(await retryOf(id, 'm7')).toEqual([{ seq: 7, duplicate: true }]);
      });
      expect(await retryOf(id, 'm7')).toEqual([{ seq: 7, duplicate: true }]);
    }
  });

  it('A1, A7: what cannot be done while its slot is on the move is not done half', async () => {
    const log = stores.create();
    const { epoch } = await filled(log, 'half', 'm1');
    const before = await log.read('half', { newest: 5 });
    await moving('half', async () => {
      await expect(log.remove('half')).rejects.toThrow(StorageUnavailableError);
      await expect(log.append('half-new', { messages: [message('m1')] })).resolves.toMatchObject({ created: true });
    });
    const after = await log.read('half', { newest: 5 });
    expect(after.entries).toEqual(before.entries);
    expect(after.session?.epoch).toBe(epoch);
    expect(await log.remove('half')).toBe(true);
    expect(await log.open('half', { resumeEpoch: epoch })).toBe('deleted');
  });

  it('A6, A7: a corrupt session is put aside whole once its slot has arrived', async () => {
    await filled(store, 'corrupt', 'm1');
    await stores.client.set(sessionKey('corrupt'), 'garbage');
    await moving('corrupt', async () => {
      await expect(filled(store, 'corrupt', 'm2')).rejects.toThrow(StorageUnavailableError);
      expect(await stores.client.get(sessionKey('corrupt'))).toBe('garbage');
    });
    expect((await filled(store, 'corrupt', 'm2')).seq).toBe(1);
    expect(await keptIds(store, 'corrupt')).toEqual(['m2']);
  });
});
