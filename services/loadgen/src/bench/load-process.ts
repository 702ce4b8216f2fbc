import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ChurnReport, Counts, FromWorker, MemberReport, ToWorker } from './worker/messages.js';
import type { ReturnsReport } from './worker/returns.js';

const WORKER = fileURLToPath(new URL('./worker/main.js', import.meta.url));

type Answer<Is extends FromWorker['is']> = Extract<FromWorker, { is: Is }>;

/** A process with a share of the members. */
export class LoadProcess {
  /** Members that are in. */
  open = 0;
  readonly #child: ChildProcess;
  #failed: Error | undefined;
  #waiting: { readonly is: string; resolve(answer: FromWorker): void; reject(error: Error): void } | undefined;

  constructor() {
    this.#child = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    this.#child.on('message', (message: FromWorker) => this.#heard(message));
    this.#child.on('exit', (code) => this.#fail(`a load process ended with ${code}`));
  }

  async connect(message: Omit<Extract<ToWorker, { do: 'connect' }>, 'do'>): Promise<void> {
    await this.#ask({ do: 'connect', ...message }, 'connected');
  }

  tell(message: ToWorker): void {
    this.#child.send(message);
  }

  async count(): Promise<{ counts: Counts; latencies: readonly number[] }> {
    return this.#ask({ do: 'count' }, 'counts');
  }

  async countReturns(): Promise<ReturnsReport> {
    return (await this.#ask({ do: 'count returns' }, 'returns')).report;
  }

  async reportChurn(): Promise<ChurnReport> {
    return (await this.#ask({ do: 'report churn' }, 'churned')).report;
  }

  /** Waits until everybody is gone. */
  async endChurn(): Promise<void> {
    await this.#ask({ do: 'end churn' }, 'churn ended');
  }

  /** Waits until what is under way has come. */
  async stop(): Promise<readonly MemberReport[]> {
    return (await this.#ask({ do: 'stop' }, 'stopped')).members;
  }

  end(): void {
    this.#child.removeAllListeners('exit');
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask<Is extends FromWorker['is']>(message: ToWorker, is: Is): Promise<Answer<Is>> {
    if (this.#failed) return Promise.reject(this.#failed);
    return new Promise((resolve, reject) => {
      this.#waiting = { is, resolve: (answer) => resolve(answer as Answer<Is>), reject };
      this.#child.send(message);
    });
  }

  #heard(message: FromWorker): void {
    if (message.is === 'opening') this.open = message.open;
    else if (message.is === 'failed') this.#fail(message.reason);
    else if (this.#waiting?.is === message.is) this.#waiting.resolve(message);
  }

  #fail(reason: string): void {
    this.#failed ??= new Error(reason);
    this.#waiting?.reject(this.#failed);
  }
}
