import { INVALID_FRAME_LIMIT, INVALID_FRAME_WINDOW_MS } from '@holdfast/protocol';

/** Counts the invalid frames of one client (C6). */
export class Abuse {
  /** When the latest ones came. */
  #atMs: number[] = [];

  /** Takes note of one. @returns whether they have become too many */
  add(nowMs: number): boolean {
    this.#atMs = [...this.#atMs, nowMs].filter((ms) => nowMs - ms < INVALID_FRAME_WINDOW_MS);
    return this.#atMs.length >= INVALID_FRAME_LIMIT;
  }
}
