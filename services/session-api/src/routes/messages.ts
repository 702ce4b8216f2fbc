import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { contentProblem, type FrameProblem, HISTORY_READ_MAX_BYTES } from '@holdfast/protocol';
import {
  type AppendResult,
  OutcomeUnknownError,
  type ReadRange,
  StorageUnavailableError,
} from '@holdfast/session-store';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Api, AppContext } from '../app-context.js';
import { ApiError, storageUnavailable } from '../errors.js';
import { HistoryReads } from '../history-reads.js';
import { answerParts, LogMessage, logMessage, MessageFace, messageFaces } from '../message-object.js';
import type { RequestLimits } from '../request-limits.js';
import { answers, SendId, SessionParams, success } from '../schemas.js';

const LIMIT_MAX = 10_000;
const LIMIT_DEFAULT = 1_000;
const SENDER_MAX_LENGTH = 128;
/** The name of a back end that gives none. */
const SERVER = 'server';

const MessagesQuery = Type.Object({
  after_seq: Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER - 1,
    default: 0,
    description: 'a whole number, 0 or more',
  }),
  limit: Type.Integer({
    minimum: 1,
    maximum: LIMIT_MAX,
    default: LIMIT_DEFAULT,
    description: `a whole number of stored messages from 1 to ${LIMIT_MAX}`,
  }),
  view: Type.Unsafe<'pairs' | 'log'>({
    type: 'string',
    enum: ['pairs', 'log'],
    default: 'pairs',
    description: 'pairs or log',
  }),
});

const MESSAGES = success(
  {
    session_id: Type.String(),
    messages: Type.Array(Type.Union([MessageFace, LogMessage])),
    count: Type.Integer({ description: 'length of messages' }),
    has_more: Type.Boolean({ description: 'whether there are more after the last' }),
    next: Type.Optional(Type.Integer({ description: 'the after_seq of the next page; absent when there are no more' })),
  },
  'Stored messages, oldest first; an empty list when there is no such session.',
);

const SENT = success(
  { session_id: Type.String(), seq: Type.Integer(), id: Type.String() },
  'It is stored; the same id and content again answer the same seq.',
);

/** Messages as they are stored, and whether there are more behind them. */
interface HistoryPage {
  readonly stored: readonly LogMessage[];
  readonly more: boolean;
}

/** Reads of histories for all routes of an app. */
export function historyReads(): HistoryReads<HistoryPage> {
  return new HistoryReads({ clock: { monotonic: () => performance.now(), setTimeout } });
}

/** The routes of `sessions/{id}/messages/`. @param histories one for all prefixes that the routes are at */
export function messageRoutes(
  app: Api,
  context: AppContext,
  histories: HistoryReads<HistoryPage>,
  limits: Omit<RequestLimits, 'admitted' | 'creating'>,
): void {
  const maxBytes = context.config.sessions.messageMaxBytes;
  const tags = ['messages'];

  app.get(
    '/sessions/:session_id/messages/',
    {
      schema: {
        tags,
        summary: 'Read the history',
        params: SessionParams,
        querystring: MessagesQuery,
        response: answers({ 200: MESSAGES }, 409),
      },
    },
    async ({ params: { session_id: sessionId }, query }, reply) => {
      const { after_seq: afterSeq, limit, view } = query;
      const page = await histories.page({
        sessionId,
        range: `${afterSeq} ${limit}`,
        isOver: () => reply.raw.destroyed,
        read: () => readPage(context, sessionId, { from: afterSeq + 1, limit, maxBytes: HISTORY_READ_MAX_BYTES }),
      });
      // Nobody takes the answer any more.
      if (!page) return reply.send('');
      const { stored, more } = page;
      const messages = view === 'log' ? stored : messageFaces(sessionId, stored);
      const answer = answerParts({ success: true, session_id: sessionId }, messages, {
        has_more: more,
        ...(more ? { next: stored.at(-1)?.seq } : {}),
      });
      const parts = Readable.from(answer);
      histories.hold(sessionId, page, parts);
      return reply.type('application/json; charset=utf-8').send(parts);
    },
  );

  app.post(
    '/sessions/:session_id/messages/',
    {
      schema: {
        tags,
        summary: 'Send into a session',
        params: SessionParams,
        body: Type.Object({
          content: Type.String({ description: `a string of 1 to ${maxBytes} bytes` }),
          id: Type.Optional(SendId),
          sender: Type.Optional(
            Type.String({
              minLength: 1,
              maxLength: SENDER_MAX_LENGTH,
              // A lone surrogate has no UTF-8: senders who differ in one only would count as the same (A4).
              pattern: '^\\P{Cs}*$',
              description: `1 to ${SENDER_MAX_LENGTH} characters, none of them a lone surrogate; ${SERVER} unless given; a member's own name where it is no back end or operator who sends`,
            }),
          ),
        }),
        response: answers({ 200: SENT }, 409, 413, 415),
      },
    },
    async (request) => {
      const { session_id: sessionId } = request.params;
      const { content, id, sender: named } = request.body;
      const sender = senderOf(request, named);
      const problem = contentProblem(content, maxBytes);
      if (problem) throw contentRefused('content', problem, maxBytes);
      // Few messages create a session: only those are counted, and whoever has created too many is looked at.
      const waitMs = limits.creationWaitMs(request);
      if (waitMs > 0 && !(await context.sessions.get(sessionId))) throw limits.tooManySessions(waitMs);
      const { seq, id: usedId, created } = await send(context, sessionId, { content, id, ...sender });
      if (created) limits.created(request);
      return { success: true, session_id: sessionId, seq, id: usedId };
    },
  );
}

/** All entries are read before the answer begins: one that cannot be read makes it a failure. */
async function readPage(
  { sessions }: Pick<AppContext, 'sessions'>,
  sessionId: string,
  range: ReadRange,
): Promise<HistoryPage> {
  const { entries, more = false } = await sessions.read(sessionId, range);
  return { stored: entries.map((entry) => logMessage(sessionId, entry)), more };
}

/** The HTTP failure for content that C6 refuses. @param field the field's name in the body */
export function contentRefused(field: string, problem: FrameProblem, maxBytes: number): ApiError {
  const code = problem.code === 'message_too_large' ? 'message_too_large' : 'bad_request';
  return new ApiError(code, `${field} must be a string of 1 to ${maxBytes} bytes`);
}

async function send(
  { sessions, logger }: Pick<AppContext, 'sessions' | 'logger'>,
  sessionId: string,
  message: Sender & { content: string; id: string | undefined },
): Promise<{ seq: number; id: string; created: boolean }> {
  const { content, sender, senderKey, id = randomUUID() } = message;
  const head = `"content":${JSON.stringify(content)},"sender":${JSON.stringify(sender)},"timestamp":`;
  // A caller that names an id may have sent the message before (A4). An id that is made here is new.
  const retry = message.id === undefined ? {} : { retry: 'anywhere' as const };
  let result: AppendResult;
  try {
    result = await sessions.append(sessionId, { messages: [{ id, senderKey, head, ...retry }] });
  } catch (cause) {
    if (!(cause instanceof StorageUnavailableError)) throw cause;
    throw outcomeUnknown(sessionId, id, cause instanceof OutcomeUnknownError ? cause : (cause.cause ?? cause));
  }
  const [stored] = result.outcome === 'stored' ? result.messages : [];
  if (result.outcome !== 'stored' || !stored) throw outcomeUnknown(sessionId, id, undefined);
  if (stored.isConflict) {
    const sentence = 'another message of this sender has this id and another content';
    throw new ApiError('id_conflict', sentence, { sessionId });
  }
  if (result.quarantined !== undefined) {
    logger.error(
      { sessionId, fault: result.quarantined },
      `Session could not be read and was reset: ${sessionId}, ${result.quarantined}`,
    );
  }
  if (result.created) {
    logger.info({ sessionId }, `Session stored in Redis: ${sessionId}, TTL: ${result.ttl}s`);
  }
  return { seq: stored.seq, id, created: result.created };
}

/** What a message is signed with, and the key that retries of it are recognised by (A4). */
interface Sender {
  readonly sender: string;
  /** Never equal to that of a connection. */
  readonly senderKey: string;
}

/**
 * A back end may name any sender; a member speaks for itself alone (C7). Their keys differ even where the names do not,
 * so that a member cannot take the id of a message that a back end is about to send in its name (U7).
 */
function senderOf(
  { caller, isManagement }: Pick<FastifyRequest, 'caller' | 'isManagement'>,
  named: string | undefined,
): Sender {
  if (!isManagement && (!caller || (named !== undefined && named !== caller.sub))) {
    throw new ApiError('forbidden', 'sender must be absent or the sub of the token, but for back ends and operators');
  }
  const sender = isManagement || !caller ? (named ?? SERVER) : caller.sub;
  const origin = isManagement ? 'http' : 'http token';
  return { sender, senderKey: createHash('sha256').update(`${origin}:${sender}`).digest('base64url').slice(0, 22) };
}

function outcomeUnknown(sessionId: string, id: string, cause: unknown): ApiError {
  const sentence =
    'the storage (Redis) did not answer, so the message may be stored or not; send it again with this id';
  return storageUnavailable({ sessionId, id, cause }, sentence);
}
