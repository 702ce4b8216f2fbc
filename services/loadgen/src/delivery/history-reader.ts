import { ApiClient } from '../api-client.js';

/** A message of a stored history. */
export interface StoredMessage {
  readonly seq: number;
  readonly id: string;
  readonly content: string;
}

/** Reads the stored histories that a check audits. */
export interface HistoryReader {
  /** All stored messages after a number, oldest first. None if there is no such session. */
  read(sessionId: string, afterSeq: number): Promise<StoredMessage[]>;
  /** Deletes a session, after its audit. */
  remove(sessionId: string): Promise<void>;
}

const PAGE = 1_000;

/** Reads histories through the HTTP API. */
export class HttpHistory implements HistoryReader {
  readonly #api: ApiClient;

  /** @param base such as `http://localhost:8000/api` */
  constructor(base: string, token?: string) {
    this.#api = new ApiClient(base, token);
  }

  async read(sessionId: string, afterSeq: number): Promise<StoredMessage[]> {
    const found: StoredMessage[] = [];
    for (;;) {
      const after = found.at(-1)?.seq ?? afterSeq;
      const path = `sessions/${sessionId}/messages/?view=log&after_seq=${after}&limit=${PAGE}`;
      const page = (await this.#api.insist('GET', path)) as { messages?: StoredMessage[]; has_more?: boolean };
      found.push(...(page.messages ?? []));
      if (page.has_more !== true || page.messages?.length === 0) return found;
    }
  }

  async remove(sessionId: string): Promise<void> {
    await this.#api.request('DELETE', `sessions/${sessionId}/delete/`);
  }
}
