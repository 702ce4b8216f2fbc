import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Histogram } from '../../histogram.js';
import { FramedSocket } from '../framed-socket.js';
import { type CaseLoad, Counts, type HeavyCase, memberQuery } from './heavy-case.js';

const FORGED = 3_000;
/** How many connections are made at once while their sessions' epochs are learned. */
const LEARN_AT_ONCE = 50;
const NEWCOMER_EVERY_MS = 200;
const ANSWER_MS = 30_000;
const AHEAD = 1_000_000;

interface Join {
  /** `welcomed`, or how it was refused or closed. */
  readonly how: string;
  readonly ms: number;
  readonly epoch?: string;
}

/** Thousands of resumes from numbers that no session has reached, each in a session of its own, beside newcomers. */
export const forgedResumes: HeavyCase = {
  about: '3,000 resumes from positions ahead of their logs at once, again and again, while newcomers join',
  prepare: async ({ gatewayPort }) => load(gatewayPort, await learnEpochs(gatewayPort)),
};

/** @returns queries of resumes that no session can satisfy */
async function learnEpochs(port: number): Promise<readonly string[]> {
  const queries: string[] = [];
  let begun = 0;
  const learner = async (): Promise<void> => {
    while (begun < FORGED) {
      begun += 1;
      const query = memberQuery(`forged-${begun}`, 'forging');
      const { epoch, how } = await join(port, query);
      if (epoch === undefined) throw new Error(`a member that was to learn its epoch was ${how}`);
      queries.push(`${query}&last_seq=${AHEAD}&last_id=none&epoch=${epoch}`);
    }
  };
  await Promise.all(Array.from({ length: LEARN_AT_ONCE }, learner));
  return queries;
}

function load(port: number, queries: readonly string[]): CaseLoad {
  return async (endsAtMs) => {
    const counts = new Counts();
    const waits = new Histogram();
    const newcomers: Promise<void>[] = [];
    const newcomer = setInterval(() => {
      const one = join(port, memberQuery(randomUUID(), 'newcomer')).then(({ how, ms }) => {
        counts.add(`newcomers ${how}`);
        waits.record(ms * 1_000);
      });
      newcomers.push(one);
    }, NEWCOMER_EVERY_MS);
    let waves = 0;
    do {
      const joins = await Promise.all(queries.map((query) => join(port, query)));
      for (const { how } of joins) counts.add(`forged ${how}`);
      waves += 1;
      await delay(NEWCOMER_EVERY_MS);
    } while (performance.now() < endsAtMs);
    clearInterval(newcomer);
    await Promise.all(newcomers);
    const { p50, p99, max } = waits.summary();
    const times = [p50, p99, max].map((ms) => Math.round(ms)).join(' / ');
    const away = newcomers.length - counts.of('newcomers welcomed');
    return {
      note: `newcomers in after ${times} ms; ${counts}; ${waves} waves`,
      wrong: away > 0 ? [`${away} of ${newcomers.length} newcomers were not let in`] : [],
    };
  };
}

/** Connects, waits for the answer, and leaves. */
function join(port: number, query: string): Promise<Join> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const settle = (how: string, epoch?: string): void => {
      clearTimeout(timer);
      socket.end();
      resolve({ how, ms: performance.now() - startedAt, ...(epoch && { epoch }) });
    };
    const timer = setTimeout(() => settle('not answered'), ANSWER_MS);
    const socket = new FramedSocket(port, query, {
      frame: (frame) => {
        if (frame.type === 'welcome') settle('welcomed', frame.epoch ?? undefined);
      },
      ended: (code, refusal) => settle(refusal ? `refused with ${refusal.status}` : `closed with ${code || 'no code'}`),
    });
  });
}
