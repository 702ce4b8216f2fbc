import { SUBJECT_PATTERN, SUBJECT_RULE } from '@holdfast/auth';
import { ORDERS_MAX, type OrderKind, orderKeepMs, REVOKE_AHEAD_MS } from '@holdfast/session-store';
import { Type } from 'typebox';
import type { Api, AppContext } from '../app-context.js';
import { ApiError, storageUnavailable } from '../errors.js';
import { answers, SessionParams, success } from '../schemas.js';

const UserParams = Type.Object({
  sub: Type.String({ pattern: SUBJECT_PATTERN, description: SUBJECT_RULE }),
});

const REVOKE_BEFORE_RULE = '"now", or a time in Unix seconds, at most an hour from now';

const RevokeBefore = Type.Unsafe<number | 'now'>({
  type: ['number', 'string'],
  minimum: 0,
  pattern: '^now$',
  description: REVOKE_BEFORE_RULE,
});

const gateways = Type.Integer({ description: 'how many gateways heard it; others learn of it when they are back' });
const DISCONNECTED = success({ session_id: Type.String(), gateways }, 'Its connections are being closed.');
const USER_DISCONNECTED = success(
  {
    sub: Type.String(),
    revoke_before: Type.Optional(Type.Number({ description: 'Unix seconds; there when tokens were revoked' })),
    gateways,
  },
  "The user's connections are being closed.",
);

/** The routes `sessions/{id}/disconnect/` and `users/{sub}/disconnect/` (U11, U12). */
export function disconnectRoutes(app: Api, context: AppContext): void {
  const { config, fanOut, logger, names, orders } = context;
  const keepMs = orderKeepMs(config.auth?.maxTokenSeconds ?? 0);
  const tags = ['disconnect'];

  app.post(
    '/sessions/:session_id/disconnect/',
    {
      schema: {
        tags,
        summary: 'Close every connection of a session',
        params: SessionParams,
        response: answers({ 200: DISCONNECTED }, 415),
      },
    },
    async ({ params: { session_id: sessionId } }) => {
      const heard = await order('disconnected', `session ${sessionId}`, Date.now());
      logger.info({ sessionId, gateways: heard }, `Connections of a session are being closed: ${sessionId}`);
      return { success: true, session_id: sessionId, gateways: heard };
    },
  );

  app.post(
    '/users/:sub/disconnect/',
    {
      schema: {
        tags,
        summary: 'Close every connection of a user, or those whose tokens were issued before a moment',
        params: UserParams,
        body: Type.Object({ revoke_before: Type.Optional(RevokeBefore) }),
        response: answers({ 200: USER_DISCONNECTED }, 415),
      },
    },
    async ({ params: { sub }, body: { revoke_before: revokeBefore } }) => {
      if (revokeBefore === undefined) {
        const heard = await order('disconnected', `user ${sub}`, Date.now());
        logger.info({ sub, gateways: heard }, `Connections of a user are being closed: ${sub}`);
        return { success: true, sub, gateways: heard };
      }
      const beforeMs = momentOf(revokeBefore);
      const heard = await order('revoked', sub, beforeMs);
      logger.info({ sub, gateways: heard }, `Tokens of a user are revoked: ${sub}`);
      return { success: true, sub, revoke_before: beforeMs / 1000, gateways: heard };
    },
  );

  /** @returns Unix milliseconds */
  function momentOf(revokeBefore: number | 'now'): number {
    if (!config.auth) {
      throw new ApiError('bad_request', 'revoke_before must be absent where nobody is asked for a token');
    }
    const nowMs = Date.now();
    const ms = revokeBefore === 'now' ? nowMs : Math.ceil(revokeBefore * 1000);
    if (ms > nowMs + REVOKE_AHEAD_MS) throw new ApiError('bad_request', `revoke_before must be ${REVOKE_BEFORE_RULE}`);
    return ms;
  }

  /** Gateways believe an order only when Redis has it (F8). @returns how many gateways heard it */
  async function order(kind: OrderKind, name: string, ms: number): Promise<number> {
    try {
      const isKept = await orders.keep(kind, new Map([[name, ms]]), { keepMs: keepMs[kind], most: ORDERS_MAX });
      if (isKept) return await fanOut.publish(names.ordersChannel, `${kind} ${name}`);
    } catch (cause) {
      throw storageUnavailable({ cause });
    }
    const sentence = `there are ${ORDERS_MAX} orders already: try again when older ones have ended`;
    throw new ApiError('overloaded', sentence, { headers: { 'retry-after': '60' } });
  }
}
