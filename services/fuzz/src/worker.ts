import { parentPort, workerData } from 'node:worker_threads';
import { runTarget } from './run-target.js';
import { TARGETS } from './targets.js';

/** What the thread of one target is given. */
export interface Work {
  readonly target: string;
  readonly seed: number;
  readonly runs: number;
  readonly from: number;
  /** One number: which drawn input is being read. It is -1 for the corpus. */
  readonly progress: SharedArrayBuffer;
}

const { target: name, seed, runs, from, progress } = workerData as Work;
const current = new Int32Array(progress);
const target = TARGETS.find((each) => each.name === name);
if (!target) throw new Error(`there is no target ${name}`);
try {
  const report = await runTarget(target, {
    seed,
    runs,
    from,
    onInput: (number) => {
      current[0] = number;
    },
  });
  parentPort?.postMessage({ report });
} catch (error) {
  parentPort?.postMessage({ failure: error instanceof Error ? error.message : String(error) });
}
