import { readFileSync } from 'node:fs';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { FRAME_BYTES_FACTOR, HEAD_MAX_BYTES, HEAD_PROXY_BYTES, SESSION_DATA_MAX_BYTES } from '@holdfast/protocol';
import type { ApiMetrics } from '@holdfast/telemetry';
import { type FastifyInstance, fastify } from 'fastify';
import { type AccessOptions, checkAccess, tokenVerifier } from './access.js';
import { ApiKeys } from './api-keys.js';
import type { Api, AppContext } from './app-context.js';
import { checkHosts, checkOrigins, SECURITY_HEADERS, sendSecurityHeaders } from './browser-security.js';
import { asApiError, handleErrors, sendFailure } from './errors.js';
import { answerInTurn, answerOddRequests, refuseUnreadable, refuseWhenOverloaded } from './raw-requests.js';
import { limitRequests, type RequestLimits } from './request-limits.js';
import { Revocations } from './revocations.js';
import { broadcastRoutes } from './routes/broadcast.js';
import { disconnectRoutes } from './routes/disconnect.js';
import { historyReads, messageRoutes } from './routes/messages.js';
import { describeRoutes, openApiRoutes } from './routes/open-api.js';
import { redisStatusRoutes } from './routes/redis-status.js';
import { sessionRoutes } from './routes/sessions.js';
import { webUiRoutes } from './routes/web-ui.js';
import { watchPaths } from './unknown-path.js';
import { validateBySchema } from './validation.js';

/** The prefixes under which every path of the API exists (H1). */
const PREFIXES = ['/api', '/chat/api'];
/** Milliseconds a whole request may take to arrive (H6). */
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks for requests that take longer. Milliseconds. */
const REQUEST_CHECK_MS = 1_000;
/**
 * Milliseconds. Proxies keep connections for less, so they end a connection first and never write into one that we have
 * closed.
 */
const KEEP_ALIVE_MS = 75_000;

/** Milliseconds. A client that takes nothing of its answer for so long is dropped, and the answer with it. */
const ANSWER_TIMEOUT_MS = 60_000;

/** What a listener's app is told beside the context. */
export interface AppOptions {
  /** Whether management has a port of its own, and this app is at the other one (M4). Default: no. */
  readonly isPublic?: boolean;
  /** Checks tokens, and is closed by the caller. Default: one of the app's own, by the settings. */
  readonly tokens?: AccessOptions['tokens'];
}

/** Builds the app. It does not listen yet, and the caller closes what the context holds. */
export async function buildApp(context: AppContext, options: AppOptions = {}): Promise<FastifyInstance> {
  const { config, logger, metrics } = context;
  const app = fastify({
    logger: false,
    http: {
      maxHeaderSize: HEAD_MAX_BYTES + HEAD_PROXY_BYTES,
      // Node would answer without a body; we answer by ourselves.
      requireHostHeader: false,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: REQUEST_CHECK_MS,
    },
    // JSON escapes make content longer, as on the socket (C6), and other fields stand around it.
    bodyLimit: FRAME_BYTES_FACTOR * Math.max(config.sessions.messageMaxBytes, SESSION_DATA_MAX_BYTES) + 1024,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: ANSWER_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // While the app closes, requests that come on kept connections are still served.
    return503OnClosing: false,
    // No part of a path is longer than a whole head: the route's schema says what is too long.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 65_536 },
    frameworkErrors: (error, request, reply) => {
      void sendFailure(reply.headers(SECURITY_HEADERS), asApiError(error), request);
    },
    clientErrorHandler: refuseUnreadable,
  }).withTypeProvider<TypeBoxTypeProvider>();

  sendSecurityHeaders(app);
  answerOddRequests(app);
  if (context.load) refuseWhenOverloaded(app, context.load);
  answerInTurn(app);
  endConnectionsWhenClosing(app);
  measureRequests(app, metrics.api);
  handleErrors(app, logger, metrics.redis);
  validateBySchema(app);
  checkHosts(app, config);
  checkOrigins(app, config);
  const unknownPath = watchPaths(app);
  // This runs before the body is read: a wrong method or path is named even when the body is wrong too.
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    if (request.is404 && !['GET', 'HEAD'].includes(request.method)) throw unknownPath(request.method, request.url);
  });

  const access = accessOf(app, context, options);
  const limits = await limitRequests(app, {
    config,
    counters: context.counters,
    metrics: metrics.api,
    keys: access.isPublic ? undefined : access.keys,
  });
  await describeRoutes(app, ownVersion());
  const histories = historyReads();
  for (const prefix of PREFIXES) {
    const hidden = prefix !== PREFIXES[0];
    await app.register(
      async (scope) => {
        checkAccess(scope, { ...access, admitted: limits.admitted });
        apiRoutes(scope, context, { histories, limits }, hidden);
      },
      { prefix },
    );
  }
  await openApiRoutes(app);
  const servePage = await webUiRoutes(app, context.webRoot);
  app.setNotFoundHandler((request, reply) => {
    if (servePage(request, reply)) return reply;
    throw unknownPath(request.method, request.url);
  });
  return app;
}

function accessOf(app: FastifyInstance, context: AppContext, options: AppOptions): Omit<AccessOptions, 'admitted'> {
  const { isPublic = false } = options;
  const keys = new ApiKeys(context.config.apiKeys);
  const revocations = new Revocations(context.orders);
  if ('tokens' in options) return { tokens: options.tokens, keys, revocations, isPublic };
  const tokens = tokenVerifier(context);
  app.addHook('onClose', () => tokens?.close());
  return { tokens, keys, revocations, isPublic };
}

/** What the routes of all prefixes share. */
interface Shared {
  readonly histories: ReturnType<typeof historyReads>;
  readonly limits: RequestLimits;
}

function apiRoutes(scope: Api, context: AppContext, { histories, limits }: Shared, hidden: boolean): void {
  // The OpenAPI document describes each path once, not once for each prefix.
  if (hidden) {
    scope.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, hide: true };
    });
  }
  redisStatusRoutes(scope, context);
  sessionRoutes(scope, context, limits);
  messageRoutes(scope, context, histories, limits);
  broadcastRoutes(scope, context);
  disconnectRoutes(scope, context);
}

/** Counts every answer under its route as declared, such as `/api/sessions/:session_id/`, never under an id. */
function measureRequests(app: FastifyInstance, metrics: ApiMetrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const { url } = request.routeOptions;
    // Both prefixes count as one route.
    const route = request.is404 ? undefined : url?.replace(/^\/chat\/api/, '/api');
    metrics.request(route, request.method, reply.statusCode, reply.elapsedTime / 1000);
  });
}

/**
 * Asks clients to close their connections while the app closes: a connection that is kept would hold up the process'
 * end.
 */
function endConnectionsWhenClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
