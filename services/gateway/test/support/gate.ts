import type { SessionLog } from '@holdfast/session-store';
import type { FaultyLog } from './faults.js';

/** Calls wait at it until it is opened. */
export interface Gate {
  /** How many calls have come to it. */
  readonly waiting: number;
  open(): void;
}

/**
 * Lets calls of one method wait before they have their effect (`before`, the default) or before they are answered.
 * Calls of other methods go on.
 */
export function gateOf(log: FaultyLog, method: keyof SessionLog, where: 'before' | 'after' = 'before'): Gate {
  let release = (): void => undefined;
  let waiting = 0;
  const opened = new Promise<void>((resolve) => {
    release = resolve;
  });
  const hold = async (called: string): Promise<void> => {
    if (called !== method) return;
    waiting += 1;
    await opened;
  };
  if (where === 'before') {
    const fate = log.fate;
    log.fate = async (call) => {
      await hold(call.method);
      return fate(call);
    };
  } else {
    log.answered = (call) => hold(call.method);
  }
  return {
    get waiting() {
      return waiting;
    },
    open: release,
  };
}
