import type { Logger } from './logger.js';

export interface Shutdown {
  /** Registers something that has to be closed. After a shutdown it is closed at once. */
  add(name: string, close: () => Promise<void> | void): void;
  /**
   * Closes everything, the last added first and one after the other; goes on after a failure. The first call decides the
   * reason, and later calls get the same promise.
   *
   * @returns the exit code: 0, or 1 when something failed or did not close in time
   */
  run(reason: string): Promise<number>;
}

interface Step {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

/**
 * @param options.timeoutMs milliseconds for the whole shutdown. After that a step that has not closed is left behind, and
 *   the remaining steps are closed without waiting for them.
 */
export function createShutdown(options: { logger: Pick<Logger, 'info' | 'error'>; timeoutMs: number }): Shutdown {
  const { logger, timeoutMs } = options;
  const steps: Step[] = [];
  let running: Promise<number> | undefined;
  let over = false;

  async function closeAll(reason: string): Promise<number> {
    logger.info({ reason }, 'Shutting down');
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeoutMs);
    });
    let code = 0;
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const outcome = await Promise.race([attempt(step), deadline]);
      if (outcome === 'late') logger.error({ step: step.name, timeoutMs }, `Not closed in time: ${step.name}`);
      if (outcome !== 'closed') code = 1;
    }
    clearTimeout(timer);
    over = true;
    logger.info({ reason, code }, 'Shut down');
    return code;
  }

  async function attempt({ name, close }: Step): Promise<'closed' | 'failed'> {
    try {
      await close();
      return 'closed';
    } catch (err) {
      logger.error({ step: name, err }, `Could not close: ${name}`);
      return 'failed';
    }
  }

  return {
    add(name, close) {
      if (over) void attempt({ name, close });
      else steps.push({ name, close });
    },
    run(reason) {
      running ??= closeAll(reason);
      return running;
    },
  };
}
