/** Most bytes that a client may send before its welcome, beside one frame of any allowed size. */
const KEPT_BYTES_MAX = 65_536;
/** Bytes that each kept frame is counted with beside its own. */
const KEPT_FRAME_OVERHEAD_BYTES = 64;

/** What a connection keeps until its welcome: frames of its client, and frames that must not come before it (V1). */
export class BeforeWelcome {
  /** Oldest first, as are those to the client. */
  readonly fromClient: string[] = [];
  readonly toClient: string[] = [];
  #keptBytes = 0;

  /** Keeps a frame of the client. @returns false when the client has sent more than is kept */
  keep(text: string, bytes: number): boolean {
    if (this.#keptBytes > 0 && this.#keptBytes + bytes > KEPT_BYTES_MAX) return false;
    this.#keptBytes += bytes + KEPT_FRAME_OVERHEAD_BYTES;
    this.fromClient.push(text);
    return true;
  }
}
