import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import { FRAME_BYTES_FACTOR, HTTP_ERRORS, httpFailure, SESSION_DATA_MAX_BYTES } from '@holdfast/protocol';
import { type FastifyInstance, fastify } from 'fastify';
import type { Api, AppContext } from './app-context.js';
import { asApiError, handleErrors, sendFailure } from './errors.js';
import { checkOrigins } from './origin.js';
import { measureRequests } from './request-metrics.js';
import { broadcastRoutes } from './routes/broadcast.js';
import { messageRoutes } from './routes/messages.js';
import { describeRoutes, openApiRoutes } from './routes/open-api.js';
import { redisStatusRoutes } from './routes/redis-status.js';
import { sessionRoutes } from './routes/sessions.js';
import { webUiRoutes } from './routes/web-ui.js';
import { SECURITY_HEADERS, sendSecurityHeaders } from './security-headers.js';
import { watchPaths } from './unknown-path.js';
import { validateBySchema } from './validation.js';

/** H1. */
const PREFIXES = ['/api', '/chat/api'];
/** Milliseconds a whole request may take to arrive. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Milliseconds; longer than proxies keep a connection, so that they, not we, end it. */
const KEEP_ALIVE_MS = 75_000;

/** Builds the app. It does not listen, and owns nothing of its context. */
export async function buildApp(context: AppContext): Promise<FastifyInstance> {
  const { config, logger, metrics } = context;
  const app = fastify({
    logger: false,
    trustProxy: config.trustProxy,
    // Room for escapes, as on the socket (C6), and for the fields around the content.
    bodyLimit: FRAME_BYTES_FACTOR * Math.max(config.sessions.messageMaxBytes, SESSION_DATA_MAX_BYTES) + 1024,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    // Requests that arrive on kept connections while others are being finished are served like any other.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 8192 },
    frameworkErrors: (error, request, reply) => {
      void sendFailure(reply.headers(SECURITY_HEADERS), asApiError(error), request);
    },
    clientErrorHandler: refuseUnreadable,
  }).withTypeProvider<TypeBoxTypeProvider>();

  sendSecurityHeaders(app);
  endConnectionsWhenClosing(app);
  measureRequests(app, metrics.api);
  handleErrors(app, logger, metrics.redis);
  validateBySchema(app);
  checkOrigins(app, config.allowedOrigins);
  const unknownPath = watchPaths(app);
  // Before the body is read, so that the method or the path is what is wrong, whatever the body is.
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    if (request.is404 && !['GET', 'HEAD'].includes(request.method)) throw unknownPath(request.method, request.url);
  });

  await describeRoutes(app, ownVersion());
  for (const prefix of PREFIXES) {
    await app.register(async (scope) => apiRoutes(scope, context, prefix !== PREFIXES[0]), { prefix });
  }
  await openApiRoutes(app);
  const servePage = await webUiRoutes(app, context.webRoot);
  app.setNotFoundHandler((request, reply) => {
    if (servePage(request, reply)) return reply;
    throw unknownPath(request.method, request.url);
  });
  return app;
}

function apiRoutes(scope: Api, context: AppContext, hidden: boolean): void {
  // One description is enough for both prefixes.
  if (hidden) {
    scope.addHook('onRoute', (route) => {
      route.schema = { ...route.schema, hide: true };
    });
  }
  redisStatusRoutes(scope, context);
  sessionRoutes(scope, context);
  messageRoutes(scope, context);
  broadcastRoutes(scope, context);
}

/** A connection kept after its last answer would hold up the end of the process. */
function endConnectionsWhenClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close');
  });
}

/** What the HTTP parser refuses never becomes a request; it gets the same shape of answer (H3). */
function refuseUnreadable(_error: Error, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return;
  const body = JSON.stringify(httpFailure('bad_request', 'the request is not valid HTTP'));
  socket.end(
    `HTTP/1.1 ${HTTP_ERRORS.bad_request} Bad Request\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
