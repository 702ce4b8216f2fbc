export { KEPT_SEEDS, type KeptSeed } from './kept-seeds.js';
export type { Mutation } from './mutation.js';
export { MUTATIONS } from './mutations.js';
export { type RunOptions, type RunResult, runSeed, ViolationError } from './run-seed.js';
export { Trace } from './trace.js';
