import { setTimeout as delay } from 'node:timers/promises';
import { SendingMember } from '../framed-socket.js';
import { type CaseLoad, Counts, type HeavyCase, inSeconds, memberQuery } from './heavy-case.js';
import { storeLargeHistory } from './large-history.js';
import { ResumingReader } from './resuming-reader.js';

const SESSION = 'heavy-history';
/** How long readers that have begun are waited for after the end: whoever has not everything then has stalled. */
const GRACE_MS = 30_000;
const LIVE_MS = 10_000;

/**
 * Readers of a whole large history at once, again and again. When they have all of it, a member sends: the readers are
 * members as well, and have to be given that too.
 */
export function readers(count: number): HeavyCase {
  return {
    about: `${count} members read a session of 1,000 messages of 16 KiB control characters from its beginning (R3)`,
    prepare: async (target) => {
      return load(target.gatewayPort, count, await storeLargeHistory(target, SESSION));
    },
  };
}

function load(port: number, count: number, stored: number): CaseLoad {
  return async (endsAtMs) => {
    const counts = new Counts();
    const wrong: string[] = [];
    const took: number[] = [];
    let newest = stored;
    let kept = 0;
    for (let wave = 0; wave === 0 || (performance.now() < endsAtMs && wrong.length === 0); wave++) {
      const startedAt = performance.now();
      const deadline = Math.max(endsAtMs, startedAt) + GRACE_MS;
      const all = Array.from(
        { length: count },
        (_, index) => new ResumingReader(port, SESSION, `${wave}-${index}`, counts),
      );
      if (await allReach(all, newest, deadline - startedAt)) {
        took.push(performance.now() - startedAt);
        kept = Math.min(...all.map(({ received }) => received));
      } else {
        const without = all.filter(({ hasAll }) => !hasAll).length;
        wrong.push(
          `${without} of ${count} readers had not all of it after ${inSeconds(performance.now() - startedAt)}`,
        );
      }
      const live = await sendLive(port, wave);
      if (live === undefined) wrong.push('a live message was not stored');
      else {
        newest = live;
        if (took.length > wave && !(await allReach(all, live, LIVE_MS)))
          wrong.push('a reader was not given a live message');
      }
      for (const reader of all) {
        if (reader.wrong !== undefined) wrong.push(`a reader: ${reader.wrong}`);
        reader.end();
      }
    }
    const [first, ...further] = took;
    const times = first === undefined ? 'never complete' : `all of ${kept} in ${inSeconds(first)}`;
    const again =
      further.length > 0 ? `, ${further.length} times again in up to ${inSeconds(Math.max(...further))}` : '';
    return { note: [`${times}${again}`, `${counts}`].filter(Boolean).join('; '), wrong };
  };
}

/** @returns whether all had everything up to the number in time */
async function allReach(all: readonly ResumingReader[], seq: number, ms: number): Promise<boolean> {
  const over = new AbortController();
  const reached = Promise.all(all.map((reader) => reader.reach(seq))).then(() => true);
  const late = delay(ms, false, { signal: over.signal }).catch(() => false);
  const inTime = await Promise.race([reached, late]);
  over.abort();
  return inTime;
}

/** @returns the number of a small message that is sent into the session; nothing when it is not stored */
async function sendLive(port: number, wave: number): Promise<number | undefined> {
  let member: SendingMember;
  try {
    member = await SendingMember.join(port, memberQuery(SESSION, 'live-sender'));
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
  const answer = await member.send({ type: 'send', id: `live-${wave}`, content: 'live' }, LIVE_MS);
  member.end();
  return 'seq' in answer ? answer.seq : undefined;
}
