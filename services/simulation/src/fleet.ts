import { Worker } from 'node:worker_threads';
import type { Found, Job, JobResult } from './job.js';

/** How many seeds a worker takes at once. */
const CHUNK = 50;

/** Threads that run seeds. */
export class Fleet {
  readonly #workers: Worker[];

  /**
   * @param size number of threads
   * @param draws what the seeds do not draw themselves
   */
  constructor(
    size: number,
    readonly draws: Pick<Job, 'faults' | 'scenario'> = {},
  ) {
    this.#workers = Array.from({ length: size }, () => new Worker(new URL('./worker.js', import.meta.url)));
  }

  /**
   * Runs seeds on all threads, in chunks, the lowest first.
   *
   * @param result called after each chunk; when it returns false no other chunk is begun
   */
  async run(from: number, count: number, result: (result: JobResult) => boolean): Promise<void> {
    let next = from;
    let goesOn = true;
    const end = from + count;
    await Promise.all(
      this.#workers.map(async (worker) => {
        while (goesOn && next < end) {
          const job = { from: next, count: Math.min(CHUNK, end - next), ...this.draws, stopAtFirst: false };
          next += job.count;
          if (!result(await ask(worker, job))) goesOn = false;
        }
      }),
    );
  }

  /** Runs seeds for each of some mutations, until one seed shows it. @param caught called for each mutation */
  async catchAll(
    names: readonly string[],
    from: number,
    count: number,
    caught: (name: string, found: Found | undefined) => void,
  ): Promise<void> {
    const waiting = [...names];
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
          const { found } = await ask(worker, { from, count, mutation: name, ...this.draws, stopAtFirst: true });
          caught(name, found[0]);
        }
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, job: Job): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const done = (result: JobResult) => {
      worker.off('error', reject);
      resolve(result);
    };
    worker.once('message', done);
    worker.once('error', reject);
    worker.postMessage(job);
  });
}
