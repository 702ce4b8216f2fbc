import { bearerToken, type Identity, TokenVerifier } from '@holdfast/auth';
import { isSessionId } from '@holdfast/protocol';
import type { FastifyRequest } from 'fastify';
import { type ApiKeys, BACK_END } from './api-keys.js';
import type { Api, AppContext } from './app-context.js';
import { ApiError, unauthorized } from './errors.js';
import type { Revocations } from './revocations.js';
import { Failure } from './schemas.js';
import { nothingHere } from './unknown-path.js';

/** What a row of the API asks of its caller (U9, M3, M4). */
export interface Access {
  /**
   * Who it is for. `members`: whoever has a token with the scope. `management`: the back ends and operators of the team.
   * `sender`: members under the name of their token; a caller without one is a back end.
   */
  readonly plane: 'members' | 'management' | 'sender';
  readonly scope: 'read' | 'write' | 'admin';
  /**
   * Which sessions the token must name. `path`: the one of the path. `handler`: the one of the body or the query, which
   * the row's handler tells {@link mustEnter}. `all`: every one, as the row is about all. `none`: no matter which.
   */
  readonly sessions: 'path' | 'handler' | 'all' | 'none';
}

/** What each row asks for. A row that is not in here cannot be added. */
const ACCESS: Readonly<Record<string, Access>> = {
  'GET /redis/status/': { plane: 'members', scope: 'read', sessions: 'none' },
  'GET /sessions/': { plane: 'management', scope: 'admin', sessions: 'all' },
  'POST /sessions/': { plane: 'management', scope: 'admin', sessions: 'handler' },
  'DELETE /sessions/': { plane: 'management', scope: 'admin', sessions: 'handler' },
  'GET /sessions/:session_id/': { plane: 'members', scope: 'read', sessions: 'path' },
  'PATCH /sessions/:session_id/': { plane: 'members', scope: 'write', sessions: 'path' },
  'POST /sessions/:session_id/extend/': { plane: 'management', scope: 'admin', sessions: 'path' },
  'DELETE /sessions/:session_id/delete/': { plane: 'management', scope: 'admin', sessions: 'path' },
  'DELETE /sessions/:session_id/': { plane: 'management', scope: 'admin', sessions: 'path' },
  'GET /sessions/:session_id/messages/': { plane: 'members', scope: 'read', sessions: 'path' },
  'POST /sessions/:session_id/messages/': { plane: 'sender', scope: 'write', sessions: 'path' },
  'POST /sessions/:session_id/disconnect/': { plane: 'management', scope: 'admin', sessions: 'path' },
  'POST /users/:sub/disconnect/': { plane: 'management', scope: 'admin', sessions: 'all' },
  'POST /broadcast/': { plane: 'management', scope: 'admin', sessions: 'all' },
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
  key: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'A key of a back end, which may do everything.',
  },
} as const;

declare module 'fastify' {
  interface FastifyRequest {
    /** Whom the request's token or key speaks for; undefined where nobody is asked for one. */
    caller: Identity | undefined;
    /** Whether the caller is one of the team's back ends or operators, who may name any sender (M3). */
    isManagement: boolean;
  }
  interface FastifyContextConfig {
    access?: Access;
    /** The row is served at another port, and this one does as if it were unknown (M4). */
    isElsewhere?: boolean;
  }
}

/** Who may do what at a listener. */
export interface AccessOptions {
  /** Absent: nobody is asked for a token. */
  readonly tokens: Pick<TokenVerifier, 'verify'> | undefined;
  readonly keys: ApiKeys;
  /** Of tokens (U12). */
  readonly revocations: Pick<Revocations, 'refuse'>;
  /** Whether management has a port of its own, and this is not it (M4). */
  readonly isPublic: boolean;
  /** Hears of every request that was let in, before it goes on (M5). */
  readonly admitted: (request: FastifyRequest) => Promise<void>;
}

/**
 * Asks the callers of all rows that are added after this call for their tokens or keys, before the body is read: 401, then
 * 403, then whatever the row answers (U6, U9).
 *
 * @param scope the rows of one prefix
 */
export function checkAccess(scope: Api, options: AccessOptions): void {
  scope.decorateRequest('caller', undefined);
  scope.decorateRequest('isManagement', false);
  scope.addHook('onRoute', (route) => {
    const method = [route.method].flat()[0] === 'HEAD' ? 'GET' : [route.method].flat()[0];
    const row = `${method} ${route.url.slice(scope.prefix.length)}`;
    const access = ACCESS[row];
    if (!access) throw new Error(`${row} does not say what its callers need`);
    const isElsewhere = options.isPublic && access.plane === 'management';
    route.config = { ...route.config, access, isElsewhere };
    route.schema = {
      ...route.schema,
      ...(isElsewhere && { hide: true }),
      description: `Needs the scope \`${access.scope}\`${access.sessions === 'all' ? ', for all sessions' : ''}, where tokens are asked for.`,
      security: [{ bearer: [] }, { query: [] }, { key: [] }, {}],
      response: { ...(route.schema?.response as object), 401: Failure, 403: Failure, 429: Failure },
    };
  });
  scope.addHook('onRequest', async (request) => {
    const { access, isElsewhere = false } = request.routeOptions.config;
    if (isElsewhere) throw nothingHere();
    const given = request.headers['x-api-key'];
    // The public port knows no keys, so that nobody can try any there.
    if (given !== undefined && options.keys.size > 0 && !options.isPublic) {
      if (options.keys.nameOf(String(given)) === undefined)
        throw keyNeeded('X-API-Key is not a key that is known here');
      request.caller = BACK_END;
      request.isManagement = true;
    } else if (options.tokens) {
      const { token } = request.query as { token?: string | string[] };
      const verdict = await options.tokens.verify(bearerToken(request.headers.authorization) ?? [token].flat()[0]);
      if (!verdict.ok) throw unauthorized(verdict.refusal);
      // The row about Redis tells also that Redis is away, and has nothing of any session.
      await options.revocations.refuse(verdict.identity, access?.sessions === 'none');
      request.caller = verdict.identity;
      request.isManagement = verdict.identity.isAdmin && !options.isPublic;
      mustSuffice(request, verdict.identity);
    } else if (access && access.plane !== 'members') {
      // Without tokens nobody is told from anybody else: a sender has no name of its own, as back ends have none.
      if (options.isPublic) throw nothingHere();
      if (options.keys.size > 0) throw keyNeeded('X-API-Key is needed, because nobody is asked for a token here');
      request.isManagement = true;
    }
    await options.admitted(request);
  });
}

/** Makes what checks the tokens of the settings; undefined where nobody is asked for one. The caller closes it. */
export function tokenVerifier({ config, logger }: Pick<AppContext, 'config' | 'logger'>): TokenVerifier | undefined {
  if (!config.auth) return undefined;
  const verifier = new TokenVerifier(config.auth, {
    onProblem: (reason) => logger.warn({ reason }, "The token issuer's keys could not be fetched"),
  });
  void verifier.start();
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

function keyNeeded(sentence: string): ApiError {
  return new ApiError('unauthorized', sentence, { headers: { 'www-authenticate': 'ApiKey' } });
}
