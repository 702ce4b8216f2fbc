import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Config } from '@holdfast/config';
import type { FanOut } from '@holdfast/fan-out';
import type { SessionDirectory, SessionLog } from '@holdfast/session-store';
import type { Logger, Metrics } from '@holdfast/telemetry';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { RedisStatus } from './redis-status.js';

/** What the app needs of the process around it. */
export interface AppContext {
  readonly config: Pick<Config, 'sessions' | 'allowedOrigins' | 'trustProxy'>;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly metrics: Pick<Metrics, 'api' | 'redis'>;
  readonly sessions: SessionDirectory & Pick<SessionLog, 'append' | 'read'>;
  readonly fanOut: Pick<FanOut, 'publish'>;
  readonly status: () => Promise<RedisStatus>;
  /** The built web UI; absent: there is none to serve. */
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
