import { changed, type Mutation } from './mutation.js';

/** Mutations of how a log is kept within its bytes (K2), and of what gateways make of a log that was trimmed. */
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
  {
    name: 'what was trimmed by bytes counts as lost',
    rule: 'G4',
    sessionLog: (log) =>
      changed(log, {
        read: async (sessionId, range, epoch) => {
          const { trimmedSeq: _untold, ...read } = await log.read(sessionId, range, epoch);
          return read;
        },
      }),
  },
];
