import { replaceCommandTimeout, replaceSocketTimeout, type TimedConnection } from './ioredis-internals.js';
import { commandTimedOut, socketTimedOut } from './redis-errors.js';

/** Turns of the event loop in which sockets are read before a time-out counts; each reads a thousand of them or more. */
const TURNS = 5;

/**
 * Calls back after a time without an answer, for time-outs of whatever waits for a socket.
 *
 * A process that was held up runs its timers before it reads what has come meanwhile, so an answer seems to be missing
 * that is there. Therefore sockets are read a few times more before the time-out counts. Where nothing holds the process
 * up, this takes no time.
 *
 * @param expired called once; also where the timer is cleared after its time was over
 * @param ms milliseconds
 */
export function patientTimeout(expired: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(() => afterTurns(TURNS, expired), ms);
}

function afterTurns(turns: number, run: () => void): void {
  if (turns === 0) run();
  else setImmediate(() => afterTurns(turns - 1, run));
}

let isInstalled = false;

/**
 * Makes the `commandTimeout` and `socketTimeout` of every connection in this process {@link patientTimeout}s, also of
 * those that a cluster's client makes by itself. Calling it again is harmless.
 */
export function installPatientTimeouts(): void {
  if (isInstalled) return;
  isInstalled = true;
  replaceCommandTimeout((command, ms) => {
    command._commandTimeoutTimer ??= patientTimeout(() => {
      if (!command.isSettled) command.reject(commandTimedOut());
    }, ms);
  });
  replaceSocketTimeout(watchForSilence);
}

/** Destroys the socket when nothing comes in time; once something has come, watches on while commands wait. */
function watchForSilence(connection: TimedConnection): void {
  const { stream } = connection;
  const { socketTimeout } = connection.options;
  let hasReceived = false;
  connection.socketTimeoutTimer = patientTimeout(() => {
    if (hasReceived) return;
    connection.socketTimeoutTimer = undefined;
    stream.destroy(socketTimedOut(socketTimeout));
  }, socketTimeout);
  // Added last, so that the parser has settled the commands whose replies are in the chunk.
  stream.once('data', () => {
    hasReceived = true;
    clearTimeout(connection.socketTimeoutTimer);
    connection.socketTimeoutTimer = undefined;
    if (connection.commandQueue.length > 0) connection.setSocketTimeout();
  });
}
