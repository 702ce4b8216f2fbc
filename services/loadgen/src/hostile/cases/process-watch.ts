import { readFile } from 'node:fs/promises';
import { cpuUsOf, peakResidentBytesOf } from '../../bench/server-process.js';

/** What a process has taken. */
export interface ProcessCost {
  /** The most memory that was ever resident since its start. */
  readonly peakBytes: number;
  /** User and system time in times of one core, since {@link ProcessWatch.begin}. */
  readonly cores: number;
}

interface Sample {
  readonly cpuUs: number;
  readonly peakBytes: number;
}

const NOTHING: Sample = { cpuUs: 0, peakBytes: 0 };
const EVERY_MS = 250;

/**
 * Reads what processes take, as the operating system tells it. It asks the processes nothing: one that answers nobody is
 * measured all the same, and of one that ends the last sample counts.
 */
export class ProcessWatch<Name extends string> {
  readonly #pids: Readonly<Record<Name, () => number | undefined>>;
  readonly #begun = new Map<Name, number>();
  readonly #latest = new Map<Name, Sample>();
  readonly #timer: NodeJS.Timeout;
  #begunMs = performance.now();

  /** @param pids process ids, which change when a process is started again */
  constructor(pids: Readonly<Record<Name, () => number | undefined>>) {
    this.#pids = pids;
    this.#timer = setInterval(() => void this.#sample(), EVERY_MS);
  }

  /** CPU counts from now on. */
  async begin(): Promise<void> {
    await this.#sample();
    this.#begunMs = performance.now();
    for (const name of this.#names()) this.#begun.set(name, this.#of(name).cpuUs);
  }

  async costs(): Promise<Readonly<Record<Name, ProcessCost>>> {
    await this.#sample();
    const us = (performance.now() - this.#begunMs) * 1_000;
    const costs = this.#names().map((name): [Name, ProcessCost] => {
      const { cpuUs, peakBytes } = this.#of(name);
      return [name, { peakBytes, cores: Math.max(0, cpuUs - (this.#begun.get(name) ?? 0)) / us }];
    });
    return Object.fromEntries(costs) as Record<Name, ProcessCost>;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #sample(): Promise<void> {
    await Promise.all(
      this.#names().map(async (name) => {
        const sample = await sampleOf(this.#pids[name]());
        if (!sample) return;
        const { peakBytes } = this.#of(name);
        this.#latest.set(name, { cpuUs: sample.cpuUs, peakBytes: Math.max(peakBytes, sample.peakBytes) });
      }),
    );
  }

  #of(name: Name): Sample {
    return this.#latest.get(name) ?? NOTHING;
  }

  #names(): Name[] {
    return Object.keys(this.#pids) as Name[];
  }
}

/** @returns nothing when there is no such process any more */
async function sampleOf(pid: number | undefined): Promise<Sample | undefined> {
  if (pid === undefined) return undefined;
  try {
    const [stat, status] = await Promise.all(
      ['stat', 'status'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
    );
    const peakBytes = peakResidentBytesOf(status ?? '');
    // A process that has ended and was not waited for yet has no memory.
    return peakBytes === 0 ? undefined : { cpuUs: cpuUsOf(stat ?? ''), peakBytes };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') {
      return undefined;
    }
    throw error;
  }
}
