import { loadConfig } from '@holdfast/config';
import { MemoryBroker, MemoryFanOut } from '@holdfast/fan-out';
import {
  MemoryOrders,
  MemorySessionStore,
  MemoryWindowCounters,
  namesOf,
  StorageUnavailableError,
} from '@holdfast/session-store';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { type AppOptions, buildApp } from '../src/app.js';
import type { AppContext } from '../src/app-context.js';

export const START_MS = 1_700_000_000_000;
export const MAX_BYTES = 256;
export const MAX_TTL = 10_000;

/** As on a loopback address. */
export const NO_LIMITS: AppContext['config']['limits'] = loadConfig('session-api', {}).limits;

export interface TestApp {
  readonly app: FastifyInstance;
  /** What the app was built with. */
  readonly context: AppContext;
  readonly sessions: MemorySessionStore;
  readonly orders: MemoryOrders;
  readonly fanOut: MemoryFanOut;
  readonly broker: MemoryBroker;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** Log lines as `LOG_FORMAT=console` prints them. */
  readonly lines: string[];
  /** Moves the store's clock. */
  advance(ms: number): void;
  call(method: string, url: string, body?: unknown, options?: InjectOptions): Promise<LightMyRequestResponse>;
}

/** The app on a store in memory with a clock that stands still. */
export async function testApp(
  context: Partial<AppContext> = {},
  settings: Partial<AppContext['config']> = {},
  options: AppOptions = {},
): Promise<TestApp> {
  let nowMs = START_MS;
  const broker = new MemoryBroker();
  const sessions = new MemorySessionStore({ live: broker, now: () => nowMs });
  const orders = new MemoryOrders();
  const fanOut = new MemoryFanOut(broker);
  const lines: string[] = [];
  const identity = { service: 'session-api', color: 'blue', instance: 'test' } as const;
  const metrics = createMetrics(identity);
  const given: AppContext = {
    config: {
      sessions: {
        ttl: 3600,
        maxTtl: MAX_TTL,
        historyMax: 1000,
        maxBytes: 16_777_216,
        messageMaxBytes: MAX_BYTES,
        heartbeatMs: 30_000,
      },
      apiKeys: [],
      limits: NO_LIMITS,
      allowedHosts: 'any',
      allowedOrigins: [],
      trustProxy: false,
      ...settings,
    },
    logger: createLogger({
      ...identity,
      level: 'info',
      format: 'console',
      destination: { write: (line) => void lines.push(line.trimEnd()) },
    }),
    metrics,
    sessions,
    orders,
    fanOut,
    names: namesOf(),
    counters: new MemoryWindowCounters(),
    status: async () => ({ connected: true, url: 'redis://localhost:6379/0', mode: 'standalone' }),
    ...context,
  };
  const app = await buildApp(given, options);
  app.addHook('onClose', () => metrics.close());
  return {
    app,
    context: given,
    sessions,
    orders,
    fanOut,
    broker,
    metrics,
    lines,
    advance(ms) {
      nowMs += ms;
    },
    call: (method, url, body, options) =>
      app.inject({
        method: method as 'GET',
        url,
        ...(body === undefined
          ? {}
          : { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        ...options,
      }),
  };
}

/** A store whose every method rejects. */
export function rejectingStore(error: () => Error = () => new StorageUnavailableError('Command timed out')) {
  const reject = () => Promise.reject(error());
  const methods = ['create', 'get', 'list', 'merge', 'extend', 'remove', 'put', 'append', 'read'] as const;
  return Object.fromEntries(methods.map((name) => [name, reject])) as unknown as AppContext['sessions'];
}

/** Stores messages as a gateway would. */
export async function store(sessions: MemorySessionStore, sessionId: string, ...contents: string[]): Promise<void> {
  const messages = contents.map((content, i) => ({
    id: `m-${i + 1}`,
    senderKey: 'key',
    head: `"content":${JSON.stringify(content)},"sender":"ann","timestamp":`,
  }));
  await sessions.append(sessionId, { messages });
}
