import type { DeliveryReport } from '../delivery/delivery-report.js';
import type { HonestPlan, honestTasks } from './honest-process.js';
import { WorkerProcess } from './worker-process.js';

/** Members that chat as everybody does, in a process of their own, while something else is done to their servers. */
export class HonestChat {
  readonly #process = new WorkerProcess<typeof honestTasks>(
    'the honest chat',
    new URL('./honest-process.js', import.meta.url),
  );

  /** Resolves when every member is connected, and messages are sent. @throws Error when a member cannot connect */
  static async start(plan: HonestPlan): Promise<HonestChat> {
    const chat = new HonestChat();
    try {
      await chat.#process.run('start', plan);
    } catch (error) {
      await chat.end();
      throw error;
    }
    return chat;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Sends nothing more. Resolves when everything has arrived, or after `settleSeconds`. */
  async pause(): Promise<void> {
    await this.#process.run('pause', undefined);
  }

  /** Reads the histories and audits them. @throws Error when the API does not answer */
  async finish(): Promise<DeliveryReport> {
    return this.#process.run('finish', undefined);
  }

  async end(): Promise<void> {
    await this.#process.end();
  }
}
