import { bearerToken, type Identity, TokenVerifier } from '@holdfast/auth';
import { isSessionId } from '@holdfast/protocol';
import type { FastifyRequest } from 'fastify';
import type { Api, AppContext } from './app-context.js';
import { ApiError } from './errors.js';
import { Failure } from './schemas.js';

/** What a row of the API asks of its caller's token (U9). */
export interface Access {
  readonly scope: 'read' | 'write' | 'admin';
  /**
   * Which sessions the token must name. `path`: the one of the path. `handler`: the one of the body or the query, which
   * the row's handler tells {@link mustEnter}. `all`: every one, as the row is about all. `none`: no matter which.
   */
  readonly sessions: 'path' | 'handler' | 'all' | 'none';
}

/** What each row asks for. A row that is not in here cannot be added. */
const ACCESS: Readonly<Record<string, Access>> = {
  'GET /redis/status/': { scope: 'read', sessions: 'none' },
  'GET /sessions/': { scope: 'admin', sessions: 'all' },
  'POST /sessions/': { scope: 'admin', sessions: 'handler' },
  'DELETE /sessions/': { scope: 'admin', sessions: 'handler' },
  'GET /sessions/:session_id/': { scope: 'read', sessions: 'path' },
  'PATCH /sessions/:session_id/': { scope: 'write', sessions: 'path' },
  'POST /sessions/:session_id/extend/': { scope: 'admin', sessions: 'path' },
  'DELETE /sessions/:session_id/delete/': { scope: 'admin', sessions: 'path' },
  'DELETE /sessions/:session_id/': { scope: 'admin', sessions: 'path' },
  'GET /sessions/:session_id/messages/': { scope: 'read', sessions: 'path' },
  'POST /sessions/:session_id/messages/': { scope: 'write', sessions: 'path' },
  'POST /broadcast/': { scope: 'admin', sessions: 'all' },
};

/** How the rows that ask for a token are described (H2). */
export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Where tokens are asked for. The scope that a row needs stands with it.',
  },
  query: {
    type: 'apiKey',
    in: 'query',
    name: 'token',
    description: 'The same token, for callers that can set no header.',
  },
} as const;

declare module 'fastify' {
  interface FastifyRequest {
    /** Whom the request's token speaks for; undefined where nobody is asked for one. */
    caller: Identity | undefined;
  }
  interface FastifyContextConfig {
    access?: Access;
  }
}

/**
 * Asks the callers of all rows that are added after this call for their tokens, before the body is read: 401, then 403,
 * then whatever the row answers (U6, U9).
 *
 * @param scope the rows of one prefix
 * @param tokens absent: nobody is asked
 */
export function checkAccess(scope: Api, tokens: Pick<TokenVerifier, 'verify'> | undefined): void {
  scope.decorateRequest('caller', undefined);
  scope.addHook('onRoute', (route) => {
    const method = [route.method].flat()[0] === 'HEAD' ? 'GET' : [route.method].flat()[0];
    const row = `${method} ${route.url.slice(scope.prefix.length)}`;
    const access = ACCESS[row];
    if (!access) throw new Error(`${row} does not say what its callers need`);
    route.config = { ...route.config, access };
    route.schema = {
      ...route.schema,
      description: `Needs the scope \`${access.scope}\`${access.sessions === 'all' ? ', for all sessions' : ''}, where tokens are asked for.`,
      security: [{ bearer: [] }, { query: [] }, {}],
      response: { ...(route.schema?.response as object), 401: Failure, 403: Failure },
    };
  });
  if (!tokens) return;
  scope.addHook('onRequest', async (request) => {
    const { token } = request.query as { token?: string | string[] };
    const verdict = await tokens.verify(bearerToken(request.headers.authorization) ?? [token].flat()[0]);
    if (!verdict.ok) throw unauthorized(verdict.refusal);
    request.caller = verdict.identity;
    mustSuffice(request, verdict.identity);
  });
}

/** Makes what checks the tokens of the settings, and closes it with the app; undefined where nobody is asked for one. */
export function tokenVerifier(app: Api, { config, logger }: Pick<AppContext, 'config' | 'logger'>) {
  if (!config.auth) return undefined;
  const verifier = new TokenVerifier(config.auth, {
    onProblem: (reason) => logger.warn({ reason }, "The token issuer's keys could not be fetched"),
  });
  void verifier.start();
  app.addHook('onClose', () => verifier.close());
  return verifier;
}

/** The caller must be allowed into this session, whether or not there is one. @throws {ApiError} 403 */
export function mustEnter({ caller }: Pick<FastifyRequest, 'caller'>, sessionId: string): void {
  if (caller && !caller.mayEnter(sessionId)) {
    throw new ApiError('forbidden', 'the token does not name this session', { sessionId });
  }
}

function mustSuffice(request: FastifyRequest, caller: Identity): void {
  const { access } = request.routeOptions.config;
  // The path has no such row, or the row not this method: that is told by itself.
  if (!access) return;
  const { scope, sessions } = access;
  const has = { read: caller.canRead, write: caller.canWrite, admin: caller.isAdmin }[scope];
  if (!has) throw new ApiError('forbidden', `the token does not have the scope ${scope}`);
  if (sessions === 'all' && !caller.mayEnterAll) {
    throw new ApiError('forbidden', 'the token does not name all sessions, which this is about');
  }
  const { session_id: sessionId } = request.params as { session_id?: unknown };
  // What is no id of a session is told by the validation.
  if (sessions === 'path' && isSessionId(sessionId)) mustEnter(request, sessionId);
}

/** It may be the issuer whose fault that is. */
function unauthorized({ code, message }: { readonly code: string; readonly message: string }): ApiError {
  if (code === 'unavailable') return new ApiError('tokens_unavailable', message, { headers: { 'retry-after': '5' } });
  return new ApiError('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } });
}
