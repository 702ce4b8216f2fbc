import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { type Config, isHostAllowed, isOriginAllowed, type PageHeaders } from '@holdfast/config';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import helmet from 'helmet';
import { ApiError } from './errors.js';

/**
 * Scripts come from this host only. Inline styles are allowed, because MUI's styling engine (emotion) and the OpenAPI
 * page write style elements. In `connect-src`, `'self'` includes the WebSocket of the same host.
 */
const DIRECTIVES = {
  'default-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'object-src': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
};

/** Of every answer. They are the same for each, so they are made once. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  ...headersOf(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: DIRECTIVES },
      xFrameOptions: { action: 'deny' },
      // Whoever ends TLS knows whether all names of the host have it.
      strictTransportSecurity: false,
    }),
  ),
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

/** What a middleware of helmet writes, which looks at no request. */
function headersOf(write: ReturnType<typeof helmet>): Record<string, string> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  write(response.req, response, () => undefined);
  return Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/** Sends {@link SECURITY_HEADERS} with every answer, failures included. */
export function sendSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });
}

/** Request headers that pages may send: those of the API, and those that tracing and HTTP libraries add by themselves. */
const PAGE_HEADERS = 'authorization, content-type, traceparent, tracestate, baggage, sentry-trace, x-requested-with';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Refuses requests that are addressed to a name that is not served here (N2). */
export function checkHosts(app: FastifyInstance, options: Pick<Config, 'allowedHosts' | 'trustProxy'>): void {
  app.addHook('onRequest', async (request) => {
    if (isHostAllowed(pageHeaders(request), options)) return;
    throw new ApiError('forbidden', 'the Host header names a host that ALLOWED_HOSTS does not name');
  });
}

/**
 * Lets pages of the allowed origins use the API. A page of another origin can neither read an answer nor change
 * anything. A request without an `Origin` header does not come from a page and passes.
 *
 * @param options which pages are allowed (C4)
 */
export function checkOrigins(app: FastifyInstance, options: Pick<Config, 'allowedOrigins' | 'trustProxy'>): void {
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined) return;
    const passes = isOriginAllowed(pageHeaders(request), options);
    if (passes) allowReading(reply, origin);
    else if (!SAFE_METHODS.has(request.method)) refuse();
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      if (!passes) refuse();
      return reply
        .code(204)
        .headers({
          'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
          'access-control-allow-headers': PAGE_HEADERS,
          'access-control-max-age': '600',
        })
        .send();
    }
  });
}

function pageHeaders({ headers }: FastifyRequest): PageHeaders {
  return {
    origin: headers.origin,
    host: headers.host,
    forwardedHost: [headers['x-forwarded-host']].flat().join(','),
    forwardedProto: [headers['x-forwarded-proto']].flat().join(','),
  };
}

function allowReading(reply: FastifyReply, origin: string): void {
  reply.headers({
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'retry-after',
    vary: 'origin',
  });
}

function refuse(): never {
  throw new ApiError('forbidden', 'pages of this origin may not do this; ALLOWED_ORIGINS names those that may');
}
