import { parentPort } from 'node:worker_threads';
import type { Found, Job, JobResult } from './job.js';
import { SOUND } from './mutation.js';
import { MUTATIONS } from './mutations.js';
import { runSeed, ViolationError } from './run-seed.js';

async function work({ from, count, mutation: name, faults, scenario, stopAtFirst }: Job): Promise<JobResult> {
  const mutation = name === undefined ? SOUND : MUTATIONS.find((each) => each.name === name);
  if (!mutation) throw new Error(`there is no mutation "${name}"`);
  const found: Found[] = [];
  let seeds = 0;
  for (; seeds < count && !(stopAtFirst && found.length > 0); seeds++) {
    try {
      await runSeed(from + seeds, { mutation, faults: faults ?? mutation.faults, scenario });
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      found.push({ seed: error.seed, rule: error.rule, what: error.what });
    }
  }
  return { seeds, found };
}

parentPort?.on('message', (job: Job) => {
  void work(job).then((result) => parentPort?.postMessage(result));
});
