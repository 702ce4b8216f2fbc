import { setTimeout as delay } from 'node:timers/promises';
import type { HttpFailure } from '@holdfast/protocol';

export interface ApiAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const TIMEOUT_MS = 10_000;
/** How long an API that does not answer, or says 503, is asked again. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 250;

/** The HTTP API of a deployment. */
export class ApiClient {
  /** Without a slash at its end. */
  readonly base: string;
  readonly #token: string | undefined;

  /** @param base such as `http://localhost:8000/api` */
  constructor(base: string, token?: string) {
    this.base = base.replace(/\/+$/, '');
    this.#token = token;
  }

  /** @throws Error naming the address, when there is no answer, or one that is not JSON */
  async request(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const url = `${this.base}/${path}`;
    const headers: Record<string, string> = {};
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    try {
      const answer = await fetch(url, {
        method,
        headers,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
    } catch (error) {
      throw new Error(`${method} ${url}: ${reasonOf(error)}`, { cause: error });
    }
  }

  /**
   * The body of a successful answer. For what may be repeated: asks again while the API is away.
   *
   * @throws Error with the API's own sentence when it refuses
   */
  async insist(method: 'GET' | 'DELETE', path: string): Promise<Record<string, unknown>> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const { status, body } = await this.request(method, path);
        if (body['success'] === true) return body;
        const { error } = body as unknown as HttpFailure;
        if (status !== 503 || performance.now() > until) throw new Refusal(`${method} ${path}: ${status} ${error}`);
      } catch (error) {
        if (error instanceof Refusal || performance.now() > until) throw error;
      }
      await delay(PAUSE_MS);
    }
  }
}

class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** The innermost cause: `fetch` itself says no more than "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
