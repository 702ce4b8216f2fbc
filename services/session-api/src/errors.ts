import {
  HTTP_ERRORS,
  type HttpErrorCode,
  type HttpFailure,
  httpFailure,
  isSessionId,
  SESSION_DATA_MAX_BYTES,
} from '@holdfast/protocol';
import { redisErrorKind } from '@holdfast/redis-client';
import {
  DataTooLargeError,
  OutcomeUnknownError,
  SessionCorruptError,
  StorageUnavailableError,
} from '@holdfast/session-store';
import type { Logger, RedisMetrics } from '@holdfast/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/**
 * Seconds after which a caller may ask again while Redis is away (D4). The connections to Redis are tried more often
 * than that.
 */
export const STORAGE_RETRY_AFTER_SECONDS = 2;

const OUTCOME_UNKNOWN =
  'the storage (Redis) failed in the middle, so this may be done or not; asking for it again is safe';

/** What a failure carries besides its code and sentence. */
export interface FailureDetails {
  readonly sessionId?: string;
  /** The id of a message of which nobody knows whether it is stored (D5). */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A failure that a route answers on purpose. Its sentence goes to the caller. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly code: HttpErrorCode,
    sentence: string,
    readonly details: FailureDetails = {},
  ) {
    super(sentence, { cause: details.cause });
  }
}

/** The failure for a session that does not exist. */
export function sessionNotFound(sessionId: string): ApiError {
  return new ApiError('session_not_found', 'there is no session with this id', { sessionId });
}

/** The failure for custom data that is too long, by itself or with what the session holds already. */
export function dataTooLarge(sessionId?: string): ApiError {
  const sentence = `data must be at most ${SESSION_DATA_MAX_BYTES} bytes of JSON, together with what the session holds`;
  return new ApiError('payload_too_large', sentence, sessionId === undefined ? {} : { sessionId });
}

/** The failure for a storage that does not answer (D4). */
export function storageUnavailable(details: FailureDetails = {}, sentence?: string): ApiError {
  return new ApiError('storage_unavailable', sentence ?? 'the storage (Redis) does not answer now; try again shortly', {
    ...details,
    headers: { ...details.headers, 'retry-after': String(STORAGE_RETRY_AFTER_SECONDS) },
  });
}

/** The failure for a token that does not count. It may be the issuer whose fault that is. */
export function unauthorized({ code, message }: { readonly code: string; readonly message: string }): ApiError {
  if (code === 'unavailable') return new ApiError('tokens_unavailable', message, { headers: { 'retry-after': '5' } });
  return new ApiError('unauthorized', message, { headers: { 'www-authenticate': 'Bearer' } });
}

/** Answers every failure of every route in the shape of H3. */
export function handleErrors(app: FastifyInstance, logger: Pick<Logger, 'error'>, redis: RedisMetrics): void {
  app.setErrorHandler((error, request, reply) => {
    const failure = asApiError(error);
    // Redis answers, and fails inside a script: no watch reports that, and it does not pass by itself.
    const cause = failure.details.cause instanceof OutcomeUnknownError ? failure.details.cause : undefined;
    if (failure.code === 'internal_error' || cause) {
      const { method, routeOptions } = request;
      logger.error({ err: cause ?? error, method, route: routeOptions.url }, 'Request failed');
    }
    if (failure.code === 'storage_unavailable') redis.failed(redisErrorKind(cause?.cause ?? failure.details.cause));
    return sendFailure(reply, failure, request);
  });
}

/** Writes a failure in the shape of H3, also when no route was reached. */
export function sendFailure(reply: FastifyReply, failure: ApiError, request?: FastifyRequest): FastifyReply {
  const { code, message, details } = failure;
  const body: HttpFailure = httpFailure(code, message, details.sessionId ?? (request && sessionIdOf(request)));
  if (details.id !== undefined) body.id = details.id;
  return reply
    .code(HTTP_ERRORS[code])
    .headers({ 'cache-control': 'no-store', ...details.headers })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

/** What we answer when fastify itself refuses a request, by fastify's code. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [HttpErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'the body is too long'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'the body must be sent as Content-Type: application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad_request', 'the body is not as long as Content-Length says'],
  FST_ERR_BAD_URL: ['bad_request', 'the path is not valid percent-encoding'],
};

/** Turns whatever was thrown into a failure for the caller. The text of an unknown error never gets out (H3). */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof OutcomeUnknownError) return storageUnavailable({ cause: error }, OUTCOME_UNKNOWN);
  if (error instanceof StorageUnavailableError) return storageUnavailable({ cause: error.cause ?? error });
  if (error instanceof DataTooLargeError) return dataTooLarge(error.sessionId);
  if (error instanceof SessionCorruptError) {
    const { sessionId } = error;
    return new ApiError('session_corrupt', 'what is stored under this id cannot be read as a session', { sessionId });
  }
  const { code, statusCode, validation, message } = error as Partial<Refusal>;
  if (validation !== undefined && message !== undefined) return new ApiError('bad_request', message);
  const known = code === undefined ? undefined : FASTIFY_ERRORS[code];
  if (known) return new ApiError(...known);
  if (statusCode === 404) return new ApiError('not_found', 'there is nothing at this path');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ApiError('bad_request', 'the request cannot be understood');
  }
  return new ApiError('internal_error', 'something went wrong on our side; the log knows more');
}

/** The fields of what fastify and its plugins throw. */
interface Refusal {
  code: string;
  statusCode: number;
  validation: unknown;
  message: string;
}

function sessionIdOf(request: FastifyRequest): string | undefined {
  if (request.routeOptions.config?.isElsewhere) return undefined;
  const { session_id: sessionId } = (request.params ?? {}) as { session_id?: unknown };
  return isSessionId(sessionId) ? sessionId : undefined;
}
