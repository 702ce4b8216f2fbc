import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from './errors.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Lets pages of allowed origins use the API, and no others change anything. What sends no `Origin` is not a browser
 * and passes.
 *
 * @param allowed as browsers send them; empty: pages of the host that is asked
 */
export function checkOrigins(app: FastifyInstance, allowed: readonly string[]): void {
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (origin === undefined) return;
    const passes = allowed.length === 0 ? isSameHost(origin, request) : allowed.includes(origin);
    if (passes) allowReading(reply, origin);
    else if (!SAFE_METHODS.has(request.method)) refuse();
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      if (!passes) refuse();
      return reply
        .code(204)
        .headers({
          'access-control-allow-methods': 'GET, HEAD, POST, PATCH, DELETE',
          'access-control-allow-headers': 'authorization, content-type',
          'access-control-max-age': '600',
        })
        .send();
    }
  });
}

function isSameHost(origin: string, request: FastifyRequest): boolean {
  try {
    return new URL(origin).host === request.host.toLowerCase();
  } catch {
    return false;
  }
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
