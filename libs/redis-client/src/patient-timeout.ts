import { Command, Redis } from 'ioredis';

/** A timer that comes later than this was held up with everything else. Milliseconds. */
const HELD_UP_MS = 50;
/** How long answers have to be read then, and how often that may be said again. */
const GRACE_MS = 100;
const GRACES_MAX = 20;

/**
 * Calls back after a time without an answer. A process that was held up runs its timers before it reads what has come
 * meanwhile: what seems to be Redis' silence is its own then. So a timer that comes late gives answers some more time.
 *
 * @param begun called with each timer that is set, so that it can be cleared
 */
export function patientTimeout(ms: number, expired: () => void, begun: (timer: NodeJS.Timeout) => void): void {
  let graces = 0;
  const set = (delayMs: number): void => {
    const dueMs = performance.now() + delayMs;
    begun(
      setTimeout(() => {
        const isLate = performance.now() - dueMs > HELD_UP_MS;
        graces += 1;
        if (isLate && graces <= GRACES_MAX) set(GRACE_MS);
        else setImmediate(expired);
      }, delayMs),
    );
  };
  set(ms);
}

/** What ioredis keeps to itself of a command. */
interface TimedCommand {
  _commandTimeoutTimer?: NodeJS.Timeout | undefined;
  readonly isSettled: boolean;
  reject(error: Error): void;
}

/** And of a connection. */
interface TimedConnection {
  readonly stream: NodeJS.ReadableStream & { destroy(error: Error): void };
  readonly options: { readonly socketTimeout: number };
  readonly commandQueue: { readonly length: number };
  socketTimeoutTimer?: NodeJS.Timeout | undefined;
  setSocketTimeout(): void;
}

/** Makes `commandTimeout` and `socketTimeout` of every connection in this process {@link patientTimeout}s. */
export function makePatient(): void {
  Object.assign(Command.prototype, {
    setTimeout(this: TimedCommand, ms: number): void {
      if (this._commandTimeoutTimer) return;
      patientTimeout(
        ms,
        () => {
          if (!this.isSettled) this.reject(new Error('Command timed out'));
        },
        (timer) => {
          this._commandTimeoutTimer = timer;
        },
      );
    },
  });
  Object.assign(Redis.prototype, {
    setSocketTimeout(this: TimedConnection): void {
      const { stream } = this;
      const { socketTimeout } = this.options;
      let heard = false;
      patientTimeout(
        socketTimeout,
        () => {
          if (heard) return;
          this.socketTimeoutTimer = undefined;
          stream.destroy(new Error(`Socket timeout. Expecting data, but didn't receive any in ${socketTimeout}ms.`));
        },
        (timer) => {
          this.socketTimeoutTimer = timer;
        },
      );
      // After the handler that settles commands with what has come.
      stream.once('data', () => {
        heard = true;
        clearTimeout(this.socketTimeoutTimer);
        this.socketTimeoutTimer = undefined;
        if (this.commandQueue.length > 0) this.setSocketTimeout();
      });
    },
  });
}
