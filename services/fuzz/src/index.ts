export { corpusOf } from './corpus.js';
export { Mutator } from './mutator.js';
export { FuzzFailure, type Report, type RunOptions, runTarget } from './run-target.js';
export type { Target } from './target.js';
export { TARGETS } from './targets.js';
