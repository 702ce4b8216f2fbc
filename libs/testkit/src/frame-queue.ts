import { DEFAULT_DEADLINE_MS, withDeadline } from './deadline.js';

/** A received frame: the JSON object of a text frame. Text that is no JSON object comes as `{raw}`. */
export type Frame = Record<string, unknown>;

/** A frame fits when it has these fields with these values (compared as JSON), or when the function says so. */
export type FrameMatch = Readonly<Record<string, unknown>> | ((frame: Frame) => boolean);

interface Waiter {
  readonly check: () => void;
  readonly fail: (error: Error) => void;
}

/**
 * The frames of one connection in the order they came, with a reading position. {@link next} moves the position,
 * so that two waits never see the same frame twice; {@link find} looks at everything ever received.
 */
export class FrameQueue {
  readonly #frames: Frame[] = [];
  readonly #waiters = new Set<Waiter>();
  #position = 0;
  #ended: string | undefined;

  /** Everything received. */
  get all(): readonly Frame[] {
    return this.#frames;
  }

  /** What {@link next} has not passed yet. */
  get unread(): readonly Frame[] {
    return this.#frames.slice(this.#position);
  }

  push(text: string): void {
    this.#frames.push(readFrame(text));
    for (const waiter of this.#waiters) waiter.check();
  }

  /** No more frames will come: waits that are not fulfilled yet fail at once. */
  end(reason: string): void {
    this.#ended = reason;
    for (const waiter of this.#waiters) waiter.fail(new Error(reason));
  }

  /** Frames that fit, of all received. */
  matching(match: FrameMatch): Frame[] {
    return this.#frames.filter(frameTest(match));
  }

  /**
   * The next unread frame that fits; those before it count as read.
   *
   * @throws DeadlineError with the frames that did come; Error when the connection ends first
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

  /** The first frame that fits of all received, or the first that comes; the reading position stays. */
  find(match: FrameMatch, timeoutMs = DEFAULT_DEADLINE_MS): Promise<Frame> {
    const fits = frameTest(match);
    return this.#wait(
      () => this.#frames.find(fits),
      () => `a frame like ${describeMatch(match)}`,
      timeoutMs,
    );
  }

  /** The first `count` frames that fit, of all received, as soon as there are that many. */
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
