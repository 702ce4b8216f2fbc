/** A client may send this much before it is welcomed. */
const WAITING_BYTES_MAX = 1_048_576;
/** What a waiting frame costs beside its bytes. */
const WAITING_OVERHEAD_BYTES = 64;

/**
 * A connection that is not in its room yet: what the client sends meanwhile waits, and what it is told waits for its
 * welcome (V1).
 */
export class Joining {
  readonly waiting: string[] = [];
  readonly early: string[] = [];
  #waitingBytes = 0;

  /** @returns false when it has sent more than is kept for it */
  hold(text: string, bytes: number): boolean {
    this.#waitingBytes += bytes + WAITING_OVERHEAD_BYTES;
    if (this.#waitingBytes > WAITING_BYTES_MAX) return false;
    this.waiting.push(text);
    return true;
  }
}
