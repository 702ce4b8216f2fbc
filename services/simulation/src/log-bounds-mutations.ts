import type { Mutation } from './mutation.js';

/** Mutations of how a log is kept within its bytes (K2). */
export const LOG_BOUNDS_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a log is not trimmed by bytes',
    rule: 'K2',
    sessionMaxBytes: () => Number.POSITIVE_INFINITY,
  },
  {
    name: 'a log is trimmed a little too early',
    rule: 'K2',
    sessionMaxBytes: (bytes) => Math.floor(bytes * 0.9),
  },
];
