import { setTimeout as delay } from 'node:timers/promises';
import { earlyFrames } from './early-frames.js';
import { forgedResumes } from './forged-resumes.js';
import type { HeavyCase } from './heavy-case.js';
import { outageFlood } from './outage-flood.js';
import { pageReaders } from './page-readers.js';
import { patches } from './patches.js';
import { readers } from './readers.js';
import { retries } from './retries.js';
import { shortSessions } from './short-sessions.js';
import { silentConnections } from './silent-connections.js';
import { tailFlood } from './tail-flood.js';

const quiet: HeavyCase = {
  about: 'nothing: what the honest chat has alone',
  prepare: async () => async (endsAtMs) => {
    await delay(endsAtMs - performance.now());
    return { note: '', wrong: [] };
  },
};

/** Every case, in the order of the table. */
export const CASES = {
  quiet,
  'readers-20': readers(20),
  'readers-200': readers(200),
  'page-readers': pageReaders,
  'retries-3': retries(3),
  'retries-30': retries(30),
  'forged-resumes': forgedResumes,
  'early-frames': earlyFrames,
  'tail-flood': tailFlood,
  patches,
  'silent-connections': silentConnections,
  'short-sessions': shortSessions,
  'outage-flood': outageFlood,
} as const satisfies Record<string, HeavyCase>;

export type CaseName = keyof typeof CASES;
