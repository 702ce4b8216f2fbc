import { maskUrl, type RedisSettings } from '@holdfast/config';
import type { RedisClient } from '@holdfast/redis-client';

/** What is known about the storage. */
export interface RedisStatus {
  readonly connected: boolean;
  /** Credentials masked; several separated by commas. */
  readonly url: string;
  /** `memory`: the embedded store, which needs no Redis. */
  readonly mode: RedisSettings['mode'] | 'memory';
  /** Milliseconds one PING took. */
  readonly latencyMs?: number;
  readonly memory?: RedisMemory;
}

/** Bytes, in a cluster summed over its masters. */
export interface RedisMemory {
  readonly used: number;
  readonly peak: number;
  /** `maxmemory`; 0 is no limit. */
  readonly max: number;
}

/** Asks Redis how it is. Never rejects: a Redis that does not answer is a status, too. */
export async function readRedisStatus(client: RedisClient, settings: RedisSettings): Promise<RedisStatus> {
  const base = { url: settings.urls.map(maskUrl).join(','), mode: settings.mode };
  const started = performance.now();
  try {
    await client.ping();
  } catch {
    return { connected: false, ...base };
  }
  const latencyMs = Math.round((performance.now() - started) * 1000) / 1000;
  const memory = await readMemory(client);
  return { connected: true, ...base, latencyMs, ...(memory && { memory }) };
}

/** Nothing when INFO is not allowed to this user. */
async function readMemory(client: RedisClient): Promise<RedisMemory | undefined> {
  const nodes = 'nodes' in client ? client.nodes('master') : [client];
  try {
    const answers = await Promise.all(nodes.map((node) => node.info('memory')));
    return {
      used: sum(answers, 'used_memory'),
      peak: sum(answers, 'used_memory_peak'),
      max: sum(answers, 'maxmemory'),
    };
  } catch {
    return undefined;
  }
}

function sum(infos: readonly string[], field: string): number {
  const pattern = new RegExp(`^${field}:(\\d+)`, 'm');
  return infos.reduce((total, info) => total + Number(pattern.exec(info)?.[1] ?? 0), 0);
}
