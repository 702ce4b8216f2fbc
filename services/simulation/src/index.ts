export type { Mutation } from './mutation.js';
export { type RunOptions, type RunResult, runSeed, ViolationError } from './run-seed.js';
export { Trace } from './trace.js';
