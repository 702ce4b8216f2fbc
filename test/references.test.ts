import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { MemoryBroker, MemoryFanOut } from '@holdfast/fan-out';
import { buildApp } from '@holdfast/session-api';
import { MemoryOrders, MemorySessionStore, MemoryWindowCounters, namesOf } from '@holdfast/session-store';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { renderMetricsReference } from './metrics-reference.js';

const FOLDER = join(REPOSITORY, 'docs/reference');

/** The description of the HTTP API, with the limits of a session API that is configured by nothing. */
async function openApiDocument(): Promise<object> {
  const identity = { service: 'session-api', color: 'blue', instance: 'reference' } as const;
  const metrics = createMetrics(identity);
  const broker = new MemoryBroker();
  const app = await buildApp({
    config: loadConfig('session-api', {}),
    logger: createLogger({ ...identity, level: 'silent', format: 'json' }),
    metrics,
    sessions: new MemorySessionStore({ live: broker }),
    orders: new MemoryOrders(),
    fanOut: new MemoryFanOut(broker),
    names: namesOf(),
    counters: new MemoryWindowCounters(),
    status: () => Promise.reject(new Error('there is no Redis here')),
  });
  try {
    return (await app.inject({ method: 'GET', url: '/api/openapi.json' })).json();
  } finally {
    await app.close();
    metrics.close();
  }
}

describe('docs/reference', () => {
  it('metrics.md is what `npm run docs` writes', async () => {
    await expect(await renderMetricsReference()).toMatchFileSnapshot(join(FOLDER, 'metrics.md'));
  });

  it('openapi.json is what `npm run docs` writes', async () => {
    const text = JSON.stringify(await openApiDocument(), null, 2);
    await expect(`${text}\n`).toMatchFileSnapshot(join(FOLDER, 'openapi.json'));
  });
});
