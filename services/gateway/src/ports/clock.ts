/** A timer that {@link Clock.clearTimeout} can end. */
export type Timer = ReturnType<typeof setTimeout>;

/**
 * Time and scheduling. All code of the gateway that waits or measures takes them from here, so that tests and the
 * simulation can decide how time passes. No callback runs within the call that it was given to.
 */
export interface Clock {
  /** Unix milliseconds. May jump when the system's clock is set: for times that others are told, not for measuring. */
  now(): number;
  /** Milliseconds since some moment, with fractions; never go back. */
  monotonic(): number;
  setTimeout(callback: () => void, ms: number): Timer;
  /** Does nothing for a timer that has fired, or undefined. */
  clearTimeout(timer: Timer | undefined): void;
  /** Runs a callback after the current turn of the event loop, in the order of the calls. */
  defer(callback: () => void): void;
}

/** The time of the machine and the event loop of Node. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  defer: (callback) => {
    setImmediate(callback);
  },
};

/** Resolves after some milliseconds of a clock. */
export function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, ms);
  });
}
