import { Command, Redis } from 'ioredis';

/** Turns of the event loop in which sockets are read before a time-out counts; each reads a thousand of them or more. */
const TURNS = 5;

/**
 * Calls back after a time without an answer. A process that was held up runs its timers before it reads what has come
 * meanwhile: what seems to be Redis' silence is its own then. So sockets are read once more, which takes no time where
 * nothing holds it up.
 *
 * @param expired also called where the timer was cleared after its time was over
 * @param ms milliseconds
 */
export function patientTimeout(expired: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(() => afterTurns(TURNS, expired), ms);
}

function afterTurns(turns: number, run: () => void): void {
  if (turns === 0) run();
  else setImmediate(() => afterTurns(turns - 1, run));
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
      this._commandTimeoutTimer ??= patientTimeout(() => {
        if (!this.isSettled) this.reject(new Error('Command timed out'));
      }, ms);
    },
  });
  Object.assign(Redis.prototype, {
    setSocketTimeout(this: TimedConnection): void {
      const { stream } = this;
      const { socketTimeout } = this.options;
      let heard = false;
      this.socketTimeoutTimer = patientTimeout(() => {
        if (heard) return;
        this.socketTimeoutTimer = undefined;
        stream.destroy(new Error(`Socket timeout. Expecting data, but didn't receive any in ${socketTimeout}ms.`));
      }, socketTimeout);
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
