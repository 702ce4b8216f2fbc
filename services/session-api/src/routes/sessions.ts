import { randomUUID } from 'node:crypto';
import { SESSION_DATA_MAX_BYTES } from '@holdfast/protocol';
import { isCursorInvalid } from '@holdfast/redis-client';
import { Type } from 'typebox';
import { mustEnter } from '../access.js';
import type { Api, AppContext } from '../app-context.js';
import { ApiError, sessionNotFound } from '../errors.js';
import type { RequestLimits } from '../request-limits.js';
import { answers, CustomData, SessionId, SessionParams, StoredSessionId, success, ttlSchema } from '../schemas.js';
import { checkCustomData, SessionObject, SessionRow, sessionObject, sessionRow } from '../session-object.js';

const PAGE_MAX = 1_000;
const PAGE_DEFAULT = 100;

const ListQuery = Type.Object({
  limit: Type.Integer({
    minimum: 1,
    maximum: PAGE_MAX,
    default: PAGE_DEFAULT,
    description: `a whole number from 1 to ${PAGE_MAX}`,
  }),
  cursor: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9._~:-]{1,128}$',
      description: 'the cursor of the page before, as it was given',
    }),
  ),
  prefix: Type.Optional(Type.Unsafe<string>({ ...StoredSessionId })),
});

const SESSION = success({ session_id: Type.String(), data: SessionObject }, 'The session.');
const EXTENDED = success(
  {
    session_id: Type.String(),
    ttl: Type.Integer({ description: 'seconds' }),
    remaining_ttl: Type.Integer({ description: 'seconds' }),
    data: SessionObject,
  },
  'It lives that long from now.',
);
const LIST = success(
  { sessions: Type.Array(SessionRow), cursor: Type.Union([Type.String(), Type.Null()]) },
  'A page of sessions; the cursor is null at the end.',
);
const DELETED = success({ session_id: Type.String() }, 'Session and history are gone.');

/** The routes `sessions/`, `sessions/{id}/`, `sessions/{id}/extend/` and `sessions/{id}/delete/`. */
export function sessionRoutes(app: Api, context: AppContext, limits: Pick<RequestLimits, 'creating'>): void {
  const { sessions, logger, config } = context;
  const Ttl = ttlSchema(config.sessions.maxTtl);
  const tags = ['sessions'];

  app.get(
    '/sessions/',
    { schema: { tags, summary: 'List sessions', querystring: ListQuery, response: answers({ 200: LIST }) } },
    async ({ query }) => {
      const { limit, cursor, prefix } = query;
      const page = await sessions
        .list({ limit, ...(cursor && { cursor }), ...(prefix && { prefix }) })
        .catch(refuseCursor);
      return { success: true, sessions: page.sessions.map(sessionRow), cursor: page.cursor };
    },
  );

  app.post(
    '/sessions/',
    {
      schema: {
        tags,
        summary: 'Create a session',
        body: Type.Object({
          session_id: Type.Optional(SessionId),
          data: Type.Optional(CustomData),
          ttl: Type.Optional(Ttl),
        }),
        response: answers({ 201: SESSION }, 409, 413, 415),
      },
    },
    async (request, reply) => {
      const { session_id: sessionId = randomUUID(), data: custom = {}, ttl } = request.body;
      mustEnter(request, sessionId);
      checkCustomData(custom, sessionId);
      await limits.creating(request);
      const session = await sessions.create(sessionId, { custom, ...(ttl !== undefined && { ttl }) });
      if (!session) throw new ApiError('session_exists', 'there is a session with this id', { sessionId });
      logger.info({ sessionId }, `Session stored in Redis: ${sessionId}, TTL: ${session.ttl}s`);
      return reply.code(201).send({ success: true, session_id: sessionId, data: sessionObject(session) });
    },
  );

  app.get(
    '/sessions/:session_id/',
    {
      schema: { tags, summary: 'Read a session', params: SessionParams, response: answers({ 200: SESSION }, 404, 409) },
    },
    async ({ params: { session_id: sessionId } }) => {
      const session = await sessions.get(sessionId);
      if (!session) throw sessionNotFound(sessionId);
      return { success: true, session_id: sessionId, data: sessionObject(session) };
    },
  );

  app.patch(
    '/sessions/:session_id/',
    {
      schema: {
        tags,
        summary: 'Merge fields into the data of a session',
        params: SessionParams,
        body: Type.Object({ data: CustomData }),
        response: answers({ 200: SESSION }, 404, 409, 413, 415),
      },
    },
    async ({ params: { session_id: sessionId }, body: { data } }) => {
      checkCustomData(data, sessionId);
      const session = await sessions.merge(sessionId, data, SESSION_DATA_MAX_BYTES);
      if (!session) throw sessionNotFound(sessionId);
      return { success: true, session_id: sessionId, data: sessionObject(session) };
    },
  );

  app.post(
    '/sessions/:session_id/extend/',
    {
      schema: {
        tags,
        summary: 'Set the time to live',
        params: SessionParams,
        body: Type.Object({ ttl: Type.Optional(Ttl) }),
        response: answers({ 200: EXTENDED }, 404, 409, 415),
      },
    },
    async ({ params: { session_id: sessionId }, body: { ttl } }) => {
      const session = await sessions.extend(sessionId, ttl);
      if (!session) throw sessionNotFound(sessionId);
      logger.info({ sessionId }, `Session TTL extended in Redis: ${sessionId}, new TTL: ${session.ttl}s`);
      const data = sessionObject(session);
      return { success: true, session_id: sessionId, ttl: data.ttl, remaining_ttl: data.remaining_ttl, data };
    },
  );

  for (const url of ['/sessions/:session_id/delete/', '/sessions/:session_id/']) {
    app.delete(
      url,
      {
        schema: {
          tags,
          summary: 'Delete session and history; members are told and closed',
          params: SessionParams,
          response: answers({ 200: DELETED }, 404),
        },
      },
      async ({ params }) => remove(params.session_id),
    );
  }

  app.delete(
    '/sessions/',
    {
      schema: {
        tags,
        summary: 'Delete a session whose id no path can hold',
        querystring: Type.Object({ session_id: StoredSessionId }),
        response: answers({ 200: DELETED }, 404),
      },
    },
    async (request) => {
      mustEnter(request, request.query.session_id);
      return remove(request.query.session_id);
    },
  );

  async function remove(sessionId: string) {
    if (!(await sessions.remove(sessionId))) throw sessionNotFound(sessionId);
    logger.info({ sessionId }, `Session deleted from Redis: ${sessionId}`);
    return { success: true, session_id: sessionId };
  }
}

/** Only Redis knows whether a cursor is one that it gave: it refuses any other. */
function refuseCursor(error: unknown): never {
  if (isCursorInvalid(error)) {
    throw new ApiError('bad_request', 'cursor must be the cursor of the page before, as it was given');
  }
  throw error;
}
