import { type ChildProcess, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { HistogramSnapshot } from '../histogram.js';
import type { Adapter } from './adapter.js';
import type { MemberPlan } from './worker/member.js';
import type { ChurnReport, Counts, FromWorker, MemberReport, ToWorker } from './worker/messages.js';
import type { ReturnsReport } from './worker/returns.js';

const WORKER = fileURLToPath(new URL('./worker/main.js', import.meta.url));
const CONNECTS_PER_SECOND = 2_000;

type Answer<Is extends FromWorker['is']> = Extract<FromWorker, { is: Is }>;

/** A process that runs a share of the members, see `worker/main.ts`. Ask one thing at a time. */
export class LoadProcess {
  readonly #child: ChildProcess;
  #failed: Error | undefined;
  #waiting: { readonly is: string; resolve(answer: FromWorker): void; reject(error: Error): void } | undefined;

  constructor() {
    this.#child = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
    this.#child.on('message', (message: FromWorker) => this.#received(message));
    this.#child.on('exit', (code) => this.#fail(`a load process ended with ${code}`));
  }

  tell(message: ToWorker): void {
    this.#child.send(message);
  }

  /** Resolves when all these members are in their sessions. */
  async connect(message: Omit<Extract<ToWorker, { do: 'connect' }>, 'do'>): Promise<void> {
    await this.#ask({ do: 'connect', ...message }, 'connected');
  }

  async count(): Promise<{ counts: Counts; latencies: HistogramSnapshot }> {
    return this.#ask({ do: 'count' }, 'counts');
  }

  async countReturns(): Promise<ReturnsReport> {
    return (await this.#ask({ do: 'count returns' }, 'returns')).report;
  }

  async reportChurn(): Promise<ChurnReport> {
    return (await this.#ask({ do: 'report churn' }, 'churned')).report;
  }

  /** Ends the churn. Resolves when every member has left. */
  async endChurn(): Promise<void> {
    await this.#ask({ do: 'end churn' }, 'churn ended');
  }

  /** Ends the load. Resolves when what was under way has arrived. */
  async stop(): Promise<readonly MemberReport[]> {
    return (await this.#ask({ do: 'stop' }, 'stopped')).members;
  }

  /** Ends the process. */
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

  #received(message: FromWorker): void {
    if (message.is === 'failed') this.#fail(message.reason);
    else if (this.#waiting?.is === message.is) this.#waiting.resolve(message);
  }

  #fail(reason: string): void {
    this.#failed ??= new Error(reason);
    this.#waiting?.reject(this.#failed);
  }
}

/** One load process for each core. */
export function startLoadProcesses(): LoadProcess[] {
  return cpus().map(() => new LoadProcess());
}

/**
 * Connects members at a steady rate.
 *
 * @param processOf index of a member's process; by default the processes take turns
 */
export async function connectMembers(
  workers: readonly LoadProcess[],
  adapter: Adapter,
  plans: readonly MemberPlan[],
  processOf: (plan: MemberPlan) => number = ({ number }) => number % workers.length,
): Promise<void> {
  const perSecond = CONNECTS_PER_SECOND / workers.length;
  await Promise.all(
    workers.map((worker, index) => {
      const members = plans.filter((plan) => processOf(plan) === index);
      return worker.connect({ adapter, members, perSecond });
    }),
  );
}
