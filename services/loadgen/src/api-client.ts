import { setTimeout as delay } from 'node:timers/promises';
import type { HttpFailure } from '@holdfast/protocol';

export interface ApiAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

const TIMEOUT_MS = 10_000;
/** How long a request is repeated while the API does not answer, or answers 503. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 250;

/** The HTTP API of a deployment. */
export class ApiClient {
  /** Base URL without a slash at its end. */
  readonly base: string;
  readonly #token: string | undefined;

  /** @param base such as `http://localhost:8000/api` */
  constructor(base: string, token?: string) {
    this.base = base.replace(/\/+$/, '');
    this.#token = token;
  }

  /** @throws Error with the address, when there is no answer, or the answer is not JSON */
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
   * Returns the body of a successful answer, and repeats the request while the API is away. Only for requests that may
   * be repeated.
   *
   * @throws Error with the API's own message when it refuses
   */
  async insist(method: 'GET' | 'DELETE' | 'POST', path: string, body?: object): Promise<Record<string, unknown>> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const answer = await this.request(method, path, body);
        if (answer.body['success'] === true) return answer.body;
        const { error } = answer.body as unknown as HttpFailure;
        if (answer.status !== 503 || performance.now() > until) {
          throw new Refusal(`${method} ${path}: ${answer.status} ${error}`);
        }
      } catch (error) {
        if (error instanceof Refusal || performance.now() > until) throw error;
      }
      await delay(PAUSE_MS);
    }
  }
}

/** The API answered, and refused. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** The message of the cause: `fetch` itself says only "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
