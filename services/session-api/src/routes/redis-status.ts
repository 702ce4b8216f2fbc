import { maskUrl, type RedisSettings } from '@holdfast/config';
import { type RedisClient, refusalOf } from '@holdfast/redis-client';
import { Type } from 'typebox';
import type { Api, AppContext, RedisMemory, RedisStatus } from '../app-context.js';
import { STORAGE_RETRY_AFTER_SECONDS } from '../errors.js';
import { answers, success } from '../schemas.js';

const STATUS_FIELDS = {
  redis_connected: Type.Boolean(),
  redis_url: Type.String({ description: 'credentials masked' }),
  default_ttl: Type.Integer({ description: 'seconds; REDIS_SESSION_TTL' }),
  mode: Type.String({ description: 'standalone, sentinel, cluster, or memory: the embedded store' }),
};

const STATUS = success(
  {
    ...STATUS_FIELDS,
    redis_refused: Type.Optional(Type.String({ description: 'what the user of this process is not permitted' })),
    latency_ms: Type.Optional(Type.Number({ description: 'of one PING' })),
    used_memory_bytes: Type.Optional(Type.Integer()),
    used_memory_peak_bytes: Type.Optional(Type.Integer()),
    max_memory_bytes: Type.Optional(Type.Integer({ description: '0: no limit' })),
  },
  'Redis answers.',
);

const AWAY = Type.Object(
  { success: Type.Literal(false), error: Type.String(), code: Type.Literal('storage_unavailable'), ...STATUS_FIELDS },
  { description: 'Redis does not answer.' },
);

/** The route `GET redis/status/`. */
export function redisStatusRoutes(app: Api, { config, status }: AppContext): void {
  app.get(
    '/redis/status/',
    { schema: { tags: ['redis'], summary: 'How the storage is', response: answers({ 200: STATUS, 503: AWAY }) } },
    async (_request, reply) => {
      const state = await status();
      const fields = {
        redis_connected: state.connected,
        redis_url: state.url,
        default_ttl: config.sessions.ttl,
        mode: state.mode,
      };
      // The embedded store is never away.
      if (state.connected || state.mode === 'memory') {
        const refused = state.refused === undefined ? {} : { redis_refused: state.refused };
        return { success: true, ...fields, ...refused, ...measured(state) };
      }
      return reply
        .code(503)
        .header('retry-after', String(STORAGE_RETRY_AFTER_SECONDS))
        .send({
          success: false,
          error: state.refused ?? 'Redis does not answer now',
          code: 'storage_unavailable',
          ...fields,
        });
    },
  );
}

function measured({ latencyMs, memory }: RedisStatus) {
  const latency = latencyMs === undefined ? {} : { latency_ms: latencyMs };
  if (!memory) return latency;
  const { used, peak, max } = memory;
  return { ...latency, used_memory_bytes: used, used_memory_peak_bytes: peak, max_memory_bytes: max };
}

/** Asks Redis for its state. Never rejects: that Redis does not answer is a state too. */
export async function readRedisStatus(client: RedisClient, settings: RedisSettings): Promise<RedisStatus> {
  const base = { url: settings.urls.map(maskUrl).join(','), mode: settings.mode };
  const started = performance.now();
  const refusal = () => {
    const refused = refusalOf(client);
    return refused === undefined ? {} : { refused };
  };
  try {
    await client.ping();
  } catch {
    return { connected: false, ...base, ...refusal() };
  }
  const latencyMs = Math.round((performance.now() - started) * 1000) / 1000;
  const memory = await readMemory(client);
  return { connected: true, ...base, ...refusal(), latencyMs, ...(memory && { memory }) };
}

/** @returns nothing when Redis does not allow INFO to this user */
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
