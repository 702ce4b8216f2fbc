import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Config, RedisSettings } from '@holdfast/config';
import type { FanOut } from '@holdfast/fan-out';
import type { Names, OrderStore, SessionDirectory, SessionLog, WindowCounters } from '@holdfast/session-store';
import type { Logger, Metrics, ProcessLoad } from '@holdfast/telemetry';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';

/** What is known about Redis, or about the embedded store in its place. */
export interface RedisStatus {
  readonly connected: boolean;
  /** Why Redis refuses the connection until somebody changes a setting, in a sentence (D7). */
  readonly refused?: string;
  /** One URL, or several separated by commas; credentials are masked. */
  readonly url: string;
  /** `memory` is the embedded store, which needs no Redis. */
  readonly mode: RedisSettings['mode'] | 'memory';
  /** How long one PING took, milliseconds. */
  readonly latencyMs?: number;
  readonly memory?: RedisMemory;
}

/** Bytes; in a cluster the sum over its masters. */
export interface RedisMemory {
  readonly used: number;
  readonly peak: number;
  /** `maxmemory`; 0 is no limit. */
  readonly max: number;
}

/** What the process gives to the app. */
export interface AppContext {
  readonly config: Pick<
    Config,
    'auth' | 'apiKeys' | 'limits' | 'sessions' | 'allowedHosts' | 'allowedOrigins' | 'trustProxy'
  >;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Pick<Metrics, 'api' | 'redis'>;
  readonly sessions: SessionDirectory & Pick<SessionLog, 'append' | 'read'>;
  readonly orders: OrderStore;
  readonly fanOut: Pick<FanOut, 'publish'>;
  readonly names: Pick<Names, 'broadcastChannel' | 'ordersChannel'>;
  readonly status: () => Promise<RedisStatus>;
  /** What limits count with (M1). */
  readonly counters: WindowCounters;
  /** What the process is short of (B7); absent: nothing. */
  readonly load?: Pick<ProcessLoad, 'shortage'>;
  /** Folder of the built web UI; absent when there is none to serve. */
  readonly webRoot?: string;
}

/** The fastify app whose handlers take their types from the routes' schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
