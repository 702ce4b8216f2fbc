import { setTimeout as delay } from 'node:timers/promises';
import type { SendFrame } from '@holdfast/protocol';
import { redisCli } from '@holdfast/testkit';
import { HttpHistory } from '../../delivery/history-reader.js';
import { SendingMember } from '../framed-socket.js';
import { ClientPace } from './client-pace.js';
import { apiUrl, type CaseLoad, type CaseTarget, Counts, type HeavyCase, memberQuery } from './heavy-case.js';
import { LARGEST_CONTENT } from './large-history.js';

const QUIET_MESSAGES = 100;
const LARGE_MESSAGES = 950;
const IN_FLIGHT = 20;
const TRIES = 10;
const REFUSED_MS = 500;
const ANSWER_MS = 20_000;
const HEAL_MS = 20_000;
const HEAL_STEP_MS = 250;
/** In this time each session of the honest chat sends something: what it has lost is noticed with its next message. */
const GO_ON_MS = 3_000;

/**
 * One client's large messages take the room that gateways have for everybody's newest messages. When Redis then loses
 * everything, those of others have to be healed all the same (G2).
 */
export const tailFlood: HeavyCase = {
  about: "one client's 950 large messages, then FLUSHALL: 100 acknowledged messages of another session are put back",
  harmsRedis: true,
  prepare: async (target) => load(target),
};

function load(target: CaseTarget): CaseLoad {
  return async (endsAtMs) => {
    const counts = new Counts();
    const wrong: string[] = [];
    let rounds = 0;
    do {
      await round(target, rounds, counts, wrong);
      rounds += 1;
    } while (performance.now() < endsAtMs);
    await delay(GO_ON_MS);
    return { note: `${counts}; ${rounds} rounds`, wrong };
  };
}

async function round(target: CaseTarget, number: number, counts: Counts, wrong: string[]): Promise<void> {
  const { gatewayPort, redisPort } = target;
  const session = `quiet-${number}`;
  const quiet = await SendingMember.join(gatewayPort, memberQuery(session, 'quiet'));
  const flooding = await SendingMember.join(gatewayPort, memberQuery(`flooded-${number}`, 'flooding'));
  try {
    const owed = new Set<string>();
    for (let index = 0; index < QUIET_MESSAGES; index++) {
      const id = `quiet-${index}`;
      if ('seq' in (await quiet.send({ type: 'send', id, content: id }, ANSWER_MS))) owed.add(id);
    }
    counts.add('acknowledged', owed.size);
    await flood(flooding, counts);
    await redisCli(redisPort, 'flushall');
    const missing = await missingAfterHealing(target, session, quiet, owed);
    counts.add('put back', owed.size - missing);
    if (missing > 0) wrong.push(`${missing} of ${owed.size} acknowledged messages were lost`);
  } finally {
    quiet.end();
    flooding.end();
  }
}

/** A client that repeats what was refused for now, as clients do, so that all of its messages are stored. */
async function flood(member: SendingMember, counts: Counts): Promise<void> {
  const pace = new ClientPace();
  let begun = 0;
  const sender = async (): Promise<void> => {
    while (begun < LARGE_MESSAGES && member.isOpen) {
      begun += 1;
      const frame: SendFrame = { type: 'send', id: `large-${begun}`, content: LARGEST_CONTENT };
      for (let tries = 1; tries <= TRIES && member.isOpen; tries++) {
        await pace.turn();
        const answer = await member.send(frame, ANSWER_MS);
        counts.add(`large ones ${'seq' in answer ? 'stored' : answer.refused}`);
        if ('seq' in answer) break;
        await delay(REFUSED_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
  if (member.ending !== undefined) counts.add(`times ${member.ending}`);
}

/** The member goes on sending, as a chat does: what was lost is noticed with its next message. */
async function missingAfterHealing(
  target: CaseTarget,
  session: string,
  member: SendingMember,
  owed: ReadonlySet<string>,
): Promise<number> {
  const history = new HttpHistory(apiUrl(target));
  const untilMs = performance.now() + HEAL_MS;
  for (let index = 0; ; index++) {
    await member.send({ type: 'send', id: `after-${index}`, content: 'still here?' }, ANSWER_MS);
    const found = new Set((await history.read(session, 0)).map(({ id }) => id));
    const missing = [...owed].filter((id) => !found.has(id)).length;
    if (missing === 0 || performance.now() > untilMs) return missing;
    await delay(HEAL_STEP_MS);
  }
}
