import rateLimit from '@fastify/rate-limit';
import { type Config, clientAddress, networkOf } from '@holdfast/config';
import { CreationLimit, WINDOW_MS, type WindowCounters } from '@holdfast/session-store';
import type { ApiLimit, ApiMetrics } from '@holdfast/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiKeys } from './api-keys.js';
import { ApiError } from './errors.js';
import { isApiPath, pathOf } from './unknown-path.js';

export interface RequestLimitsOptions {
  readonly config: Pick<Config, 'limits' | 'trustProxy'>;
  readonly counters: WindowCounters;
  readonly metrics: Pick<ApiMetrics, 'limited'>;
  /** The keys that are looked at; absent at a port that knows none. */
  readonly keys: ApiKeys | undefined;
}

/** How often callers may ask, and how many sessions they may create, in a minute (M2, M5). */
export interface RequestLimits {
  /** Counts a request for the member or the key that it was let in with. @throws {ApiError} 429 */
  admitted(request: FastifyRequest): Promise<void>;
  /** Counts a session before it is created. @throws {ApiError} 429 */
  creating(request: FastifyRequest): Promise<void>;
  /** Counts a session that a message has created. */
  created(request: FastifyRequest): void;
  /** Whether the caller may create no session now, as far as this process knows. @returns 0, or milliseconds to wait */
  creationWaitMs(request: FastifyRequest): number;
  /** The failure of a caller who may create no session for so long. */
  tooManySessions(waitMs: number): ApiError;
}

/**
 * Limits the requests to the API's paths by client address, before anything else is done for them (M5). Files of the page
 * are not counted, and the pages of health are at the admin port.
 */
export async function limitRequests(app: FastifyInstance, options: RequestLimitsOptions): Promise<RequestLimits> {
  const { config, counters, metrics, keys } = options;
  const { requestsPerMinute, keyRequestsPerMinute, sessionsCreatedPerMinute } = config.limits;
  const creation = new CreationLimit(counters, sessionsCreatedPerMinute);
  await app.register(rateLimit, { global: false, timeWindow: WINDOW_MS, store: storeOf(counters) });

  const addressOf = ({ socket, headers }: FastifyRequest): string => {
    const forwarded = [headers['x-forwarded-for']].flat().join(',');
    return `address:${networkOf(clientAddress(socket.remoteAddress ?? '', forwarded, config.trustProxy))}`;
  };
  const keyOf = ({ headers }: FastifyRequest): string | undefined => {
    const given = headers['x-api-key'];
    return given === undefined ? undefined : keys?.nameOf(String(given));
  };
  /** A back end creates sessions for all of its users: only its requests are counted. */
  const creatorsOf = (request: FastifyRequest): string[] => {
    if (keyOf(request) !== undefined) return [];
    return [addressOf(request), ...(request.caller ? [`sub:${request.caller.sub}`] : [])];
  };
  const limiter = (limit: ApiLimit, max: number, keyGenerator: (request: FastifyRequest) => string) => {
    const count = app.createRateLimit({ max, timeWindow: WINDOW_MS, keyGenerator });
    return async (request: FastifyRequest): Promise<void> => {
      if (max === 0) return;
      const state = await count(request);
      if (!state.isAllowed && state.isExceeded)
        throw tooMany(limit, state.ttl, `there may be ${max} requests a minute`);
    };
  };
  const tooMany = (limit: ApiLimit, waitMs: number, sentence: string): ApiError => {
    metrics.limited(limit);
    const headers = { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) };
    return new ApiError('rate_limited', sentence, { headers });
  };
  const tooManySessions = (waitMs: number): ApiError =>
    tooMany('sessions', waitMs, `there may be ${sessionsCreatedPerMinute} new sessions a minute`);

  const ofAddress = limiter('address', requestsPerMinute, addressOf);
  const ofSubject = limiter('sub', requestsPerMinute, ({ caller }) => `sub:${caller?.sub}`);
  const ofKey = limiter('key', keyRequestsPerMinute, (request) => `key:${keyOf(request)}`);
  app.addHook('onRequest', async (request) => {
    if (isApiPath(pathOf(request.url)) && keyOf(request) === undefined) await ofAddress(request);
  });
  return {
    admitted: async (request) => {
      if (keyOf(request) !== undefined) await ofKey(request);
      else if (request.caller) await ofSubject(request);
    },
    creating: async (request) => {
      const waitMs = await creation.count(creatorsOf(request));
      if (waitMs > 0) throw tooManySessions(waitMs);
    },
    created: (request) => void creation.count(creatorsOf(request)),
    creationWaitMs: (request) => creation.waitMs(creatorsOf(request)),
    tooManySessions,
  };
}

/** What the plugin counts with: the counters that all processes share, which go on by themselves while Redis is away. */
function storeOf(counters: WindowCounters) {
  return class {
    incr(who: string, answer: (error: Error | null, result?: { current: number; ttl: number }) => void): void {
      void counters.add('requests', who).then(({ count, leftMs }) => answer(null, { current: count, ttl: leftMs }));
    }

    child(): this {
      return this;
    }
  };
}
