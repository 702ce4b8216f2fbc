import type { Room } from '../room/room.js';

/** Most bytes of frames that are kept for a client, beside one frame of any allowed size. */
const KEPT_BYTES_MAX = 65_536;
/** Bytes that each kept frame is counted with beside its own. */
const KEPT_FRAME_OVERHEAD_BYTES = 64;

/** A frame of the client, or what is left to do for one that was read already. */
export type HeldFrame = string | (() => void);

/**
 * What a connection keeps while it waits: for its welcome, or for its new token to be checked. Frames of its client, so
 * that they are handled afterwards in their order; and frames that must not come before the welcome (V1).
 */
export class HeldFrames {
  /** Oldest first, as are those to the client. */
  readonly fromClient: HeldFrame[] = [];
  readonly toClient: string[] = [];
  #keptBytes = 0;

  /** @param room undefined: the connection waits for its welcome */
  constructor(readonly room: Room | undefined) {}

  /** Keeps a frame of the client. @returns false when the client has sent more than is kept */
  keep(frame: HeldFrame): boolean {
    const bytes = typeof frame === 'string' ? Buffer.byteLength(frame) : 0;
    if (this.#keptBytes > 0 && this.#keptBytes + bytes > KEPT_BYTES_MAX) return false;
    this.#keptBytes += bytes + KEPT_FRAME_OVERHEAD_BYTES;
    this.fromClient.push(frame);
    return true;
  }
}
