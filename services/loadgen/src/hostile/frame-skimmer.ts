import { OPCODE } from './raw-socket.js';

/** Bytes of a payload that are kept to be read. Everything but a message with much content is shorter. */
export const SKIMMED_BYTES = 768;

/** A frame of a server. */
export interface SkimmedFrame {
  /** See {@link OPCODE}. */
  readonly opcode: number;
  /** The first {@link SKIMMED_BYTES} of the payload. Valid during the call only. */
  readonly beginning: Buffer;
  /** Length of the whole payload, bytes. */
  readonly length: number;
}

const LENGTH_16 = 126;
const LENGTH_64 = 127;
const HEAD_BYTES = { [LENGTH_16]: 4, [LENGTH_64]: 10 } as const;

/**
 * Finds the frames in what a server sends, and reads their beginnings only: what follows is counted and neither copied
 * nor looked at. A reader of a hundred megabytes then costs little beside the server that is measured on the same cores.
 */
export class FrameSkimmer {
  readonly #found: (frame: SkimmedFrame) => void;
  readonly #kept = Buffer.allocUnsafe(HEAD_BYTES[LENGTH_64] + SKIMMED_BYTES);
  /** Bytes of {@link #kept} that are used. */
  #used = 0;
  /** Bytes of the last frame that have not come yet. */
  #skip = 0;

  constructor(found: (frame: SkimmedFrame) => void) {
    this.#found = found;
  }

  /** Takes what has arrived, from `from` to `end`. */
  feed(buffer: Buffer, from: number, end: number): void {
    let at = from;
    while (at < end) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, end - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const copied = Math.min(this.#wanted() - this.#used, end - at);
      buffer.copy(this.#kept, this.#used, at, at + copied);
      this.#used += copied;
      at += copied;
      this.#emit();
    }
  }

  /** How many bytes of a frame must be there before more is known about it. */
  #wanted(): number {
    if (this.#used < 2) return 2;
    const head = this.#headBytes();
    if (this.#used < head) return head;
    return head + Math.min(this.#payloadBytes(), SKIMMED_BYTES);
  }

  #emit(): void {
    if (this.#used < 2 || this.#used < this.#headBytes() || this.#used < this.#wanted()) return;
    const length = this.#payloadBytes();
    const head = this.#headBytes();
    const opcode = (this.#kept[0] ?? 0) & 0x0f;
    const beginning = this.#kept.subarray(head, this.#used);
    this.#skip = length - beginning.length;
    this.#used = 0;
    this.#found({ opcode, beginning, length });
  }

  #headBytes(): number {
    const code = this.#lengthCode();
    return code === LENGTH_16 || code === LENGTH_64 ? HEAD_BYTES[code] : 2;
  }

  #payloadBytes(): number {
    const code = this.#lengthCode();
    if (code === LENGTH_16) return this.#kept.readUInt16BE(2);
    return code === LENGTH_64 ? Number(this.#kept.readBigUInt64BE(2)) : code;
  }

  #lengthCode(): number {
    return (this.#kept[1] ?? 0) & 0x7f;
  }
}
