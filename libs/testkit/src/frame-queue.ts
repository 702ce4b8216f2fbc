import { DEFAULT_DEADLINE_MS, withDeadline } from './deadline.js';

/** A received frame: the JSON object of a text frame. A text that is no JSON object becomes `{raw: text}`. */
export type Frame = Record<string, unknown>;

/** Selects frames: by fields and their values, which are compared as JSON, or by a function. */
export type FrameMatch = Readonly<Record<string, unknown>> | ((frame: Frame) => boolean);

interface Waiter {
  readonly check: () => void;
  readonly fail: (error: Error) => void;
}

/**
 * The frames of a connection in the order in which they came, with a reading position. {@link next} advances the
 * position, so that no frame is read twice. {@link find} searches all frames.
 */
export class FrameQueue {
  readonly #frames: Frame[] = [];
  readonly #waiters = new Set<Waiter>();
  #position = 0;
  #ended: string | undefined;

  /** All received frames. */
  get all(): readonly Frame[] {
    return this.#frames;
  }

  /** The frames behind the reading position. */
  get unread(): readonly Frame[] {
    return this.#frames.slice(this.#position);
  }

  push(text: string): void {
    this.#frames.push(readFrame(text));
    for (const waiter of this.#waiters) waiter.check();
  }

  /** Declares that no more frames will come: all waits fail at once. */
  end(reason: string): void {
    this.#ended = reason;
    for (const waiter of this.#waiters) waiter.fail(new Error(reason));
  }

  /** All received frames that match. */
  matching(match: FrameMatch): Frame[] {
    return this.#frames.filter(frameTest(match));
  }

  /**
   * The next unread frame that matches. Frames before it count as read.
   *
   * @throws DeadlineError with the frames that came instead
   * @throws Error when the connection ends first
   */
  next(match: FrameMatch = () => true, timeoutMs = DEFAULT_DEADLINE_MS): Promise<Frame> {
    const fits = frameTest(match);
    return this.#wait(
      () => {
        const at = this.#frames.findIndex((frame, index) => index >= this.#position && fits(frame));
        if (at < 0) return undefined;
        this.#position = at + 1;
        return this.#frames[at];
      },
      () => `a frame like ${describeMatch(match)}`,
      timeoutMs,
    );
  }

  /** The first matching frame of all that were or will be received. The reading position does not change. */
  find(match: FrameMatch, timeoutMs = DEFAULT_DEADLINE_MS): Promise<Frame> {
    const fits = frameTest(match);
    return this.#wait(
      () => this.#frames.find(fits),
      () => `a frame like ${describeMatch(match)}`,
      timeoutMs,
    );
  }

  /** The first `count` matching frames, as soon as that many were received. The reading position does not change. */
  take(count: number, match: FrameMatch = () => true, timeoutMs = DEFAULT_DEADLINE_MS): Promise<Frame[]> {
    return this.#wait(
      () => {
        const fitting = this.matching(match);
        return fitting.length >= count ? fitting.slice(0, count) : undefined;
      },
      () => `${count} frames like ${describeMatch(match)} (${this.matching(match).length} came)`,
      timeoutMs,
    );
  }

  async #wait<T>(attempt: () => T | undefined, what: () => string, timeoutMs: number): Promise<T> {
    const present = attempt();
    if (present !== undefined) return present;
    if (this.#ended !== undefined) throw new Error(`${this.#ended}, while waiting for ${what()}${this.#recent()}`);
    let waiter: Waiter | undefined;
    const coming = new Promise<T>((resolve, reject) => {
      waiter = {
        check: () => {
          const found = attempt();
          if (found === undefined) return;
          if (waiter) this.#waiters.delete(waiter);
          resolve(found);
        },
        fail: (error) => reject(new Error(`${error.message}, while waiting for ${what()}${this.#recent()}`)),
      };
      this.#waiters.add(waiter);
    });
    try {
      return await withDeadline(coming, () => what() + this.#recent(), timeoutMs);
    } finally {
      if (waiter) this.#waiters.delete(waiter);
    }
  }

  #recent(): string {
    const last = this.#frames.slice(-8).map((frame) => `\n  ${JSON.stringify(frame).slice(0, 300)}`);
    return `; ${this.#frames.length} frames came${last.length > 0 ? `, the last:${last.join('')}` : ''}`;
  }
}

function readFrame(text: string): Frame {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Frame;
    return { raw: text };
  } catch {
    return { raw: text };
  }
}

function frameTest(match: FrameMatch): (frame: Frame) => boolean {
  if (typeof match === 'function') return match;
  const wanted = Object.entries(match).map(([name, value]) => [name, JSON.stringify(value)] as const);
  return (frame) => wanted.every(([name, value]) => JSON.stringify(frame[name]) === value);
}

function describeMatch(match: FrameMatch): string {
  return typeof match === 'function' ? match.toString().slice(0, 120) : JSON.stringify(match);
}
