import type { Readable } from 'node:stream';
import { PacedReads, type PacedReadsOptions } from '@holdfast/session-store';

export interface HistoryReadsOptions {
  readonly clock: PacedReadsOptions['clock'];
}

export interface HistoryRequest<Page> {
  readonly sessionId: string;
  /** Requests of one session with the same range are answered with the same page. */
  readonly range: string;
  /** Whether the caller has gone. */
  isOver(): boolean;
  read(): Promise<Page>;
}

/** Most reads in flight. */
const AT_ONCE = 4;
/** Most pages that answers hold which their callers have not taken yet; of one session. */
const PAGES_MAX = 32;
const PAGES_OF_SESSION_MAX = 8;
/** While somebody waits for a page's place, answers that take longer than this are cut. Milliseconds. */
const SLOW_MS = 10_000;
const LOOK_MS = 1_000;

/** A page that answers hold. */
interface HeldPage {
  readonly sessionId: string;
  readonly sinceMs: number;
  readonly answers: Set<Readable>;
}

/**
 * All reads of histories for callers of this process (F9): in turns, with rests, and shared by those who ask for the same
 * page before its read has begun. The pages in memory have a bound: reads wait while callers have yet to take that many.
 */
export class HistoryReads<Page extends object> {
  readonly #clock: PacedReadsOptions['clock'];
  readonly #reads: PacedReads<Page>;
  readonly #held = new Map<Page, HeldPage>();
  /** Reads that wait until a page is taken. */
  #waiting: (() => void)[] = [];

  constructor({ clock }: HistoryReadsOptions) {
    this.#clock = clock;
    this.#reads = new PacedReads({ clock, atOnce: AT_ONCE });
  }

  /** @returns `undefined` when the caller has gone meanwhile. @throws what the read throws */
  page({ sessionId, range, isOver, read }: HistoryRequest<Page>): Promise<Page | undefined> {
    return this.#reads.page({
      sessionId,
      key: range,
      isOver,
      inMemory: () => undefined,
      read: async () => {
        while (!this.#hasPlace(sessionId)) await this.#taken(sessionId);
        return read();
      },
    });
  }

  /** An answer holds a page until it was taken, or its caller has gone. */
  hold(sessionId: string, page: Page, answer: Readable): void {
    let held = this.#held.get(page);
    if (!held) {
      held = { sessionId, sinceMs: this.#clock.monotonic(), answers: new Set() };
      this.#held.set(page, held);
    }
    const { answers } = held;
    answers.add(answer);
    answer.once('close', () => {
      answers.delete(answer);
      if (answers.size > 0) return;
      this.#held.delete(page);
      this.#lookAgain();
    });
  }

  #hasPlace(sessionId: string): boolean {
    if (this.#held.size >= PAGES_MAX) return false;
    return [...this.#held.values()].filter((held) => held.sessionId === sessionId).length < PAGES_OF_SESSION_MAX;
  }

  /** Cuts slow answers that hold what a session waits for. @returns resolves when a page was taken, or after a second */
  #taken(waiting: string): Promise<void> {
    const slowSinceMs = this.#clock.monotonic() - SLOW_MS;
    const isFull = this.#held.size >= PAGES_MAX;
    for (const { sessionId, sinceMs, answers } of this.#held.values()) {
      if (sinceMs > slowSinceMs) break;
      if (isFull || sessionId === waiting)
        for (const answer of answers) answer.destroy(new Error('the answer was taken too slowly'));
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#clock.setTimeout(() => this.#lookAgain(), LOOK_MS);
    });
  }

  #lookAgain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const look of waiting) look();
  }
}
