import { setTimeout as delay } from 'node:timers/promises';
import { HttpHistory } from '../../delivery/history-reader.js';
import { type SendAnswer, SendingMember } from '../framed-socket.js';
import { ClientPace } from './client-pace.js';
import { apiUrl, type CaseLoad, type CaseTarget, Counts, type HeavyCase, memberQuery } from './heavy-case.js';
import { LARGEST_CONTENT } from './large-history.js';

const HALT_MS = 5_000;
const REST_MS = 5_000;
const OTHERS = 20;
const OTHERS_EVERY_MS = 200;
const ANSWER_MS = 30_000;
const RETRY_MS = 250;

interface Other {
  readonly session: string;
  readonly member: SendingMember;
  readonly answers: Promise<SendAnswer>[];
  sent: number;
}

/** One client fills what a gateway can keep while Redis is away, and others go on chatting (D2). */
export const outageFlood: HeavyCase = {
  about: 'Redis halted for 5 s while one client sends large messages as fast as it may: those of others are all stored',
  harmsRedis: true,
  prepare: async (target) => {
    const others: Other[] = [];
    for (let index = 0; index < OTHERS; index++) {
      const session = `other-${index}`;
      const member = await SendingMember.join(target.gatewayPort, memberQuery(session, session));
      others.push({ session, member, answers: [], sent: 0 });
    }
    return load(target, others);
  },
};

function load(target: CaseTarget, others: readonly Other[]): CaseLoad {
  return async (endsAtMs) => {
    const large = new Counts();
    let rounds = 0;
    const chatting = setInterval(() => {
      for (const other of others) say(other);
    }, OTHERS_EVERY_MS);
    try {
      do {
        await halt(target, rounds, large);
        rounds += 1;
      } while (performance.now() < endsAtMs);
    } finally {
      clearInterval(chatting);
    }
    const { counts, wrong } = await judge(target, others);
    for (const { member } of others) member.end();
    return { note: `others: ${counts}; the one: ${large}; ${rounds} rounds`, wrong };
  };
}

function say(other: Other): void {
  const id = `said-${other.sent}`;
  other.sent += 1;
  other.answers.push(other.member.send({ type: 'send', id, content: id }, ANSWER_MS));
}

/** Halts Redis and floods the gateway meanwhile. The client comes back when it is closed. */
async function halt({ redisPid, gatewayPort }: CaseTarget, number: number, large: Counts): Promise<void> {
  const join = (): Promise<SendingMember | undefined> =>
    SendingMember.join(gatewayPort, memberQuery(`flooded-${number}`, 'flooding')).catch(() => undefined);
  const answers: Promise<void>[] = [];
  let flooding = await join();
  let pace = new ClientPace();
  process.kill(redisPid, 'SIGSTOP');
  try {
    const startedAt = performance.now();
    for (let index = 0; performance.now() - startedAt < HALT_MS; index++) {
      await pace.turn();
      if (!flooding?.isOpen) {
        large.add(flooding?.ending ?? 'not let in');
        flooding = await join();
        pace = new ClientPace();
        if (!flooding) await delay(RETRY_MS);
      }
      const sent = flooding?.send({ type: 'send', id: `large-${index}`, content: LARGEST_CONTENT }, ANSWER_MS);
      if (sent) answers.push(sent.then((answer) => large.add('seq' in answer ? 'stored' : answer.refused)));
    }
  } finally {
    process.kill(redisPid, 'SIGCONT');
  }
  await Promise.all([delay(REST_MS), ...answers]);
  flooding?.end();
}

async function judge(target: CaseTarget, others: readonly Other[]): Promise<{ counts: Counts; wrong: string[] }> {
  const history = new HttpHistory(apiUrl(target));
  const counts = new Counts();
  let lost = 0;
  let doubled = 0;
  // All answers are there before the histories are read.
  await Promise.all(others.flatMap(({ answers }) => answers));
  for (const { session, answers } of others) {
    const stored = new Counts();
    for (const { id } of await history.read(session, 0)) stored.add(id);
    for (const [index, answer] of (await Promise.all(answers)).entries()) {
      const times = stored.of(`said-${index}`);
      if (times > 1) doubled += 1;
      if ('seq' in answer) {
        counts.add('stored');
        if (times === 0) lost += 1;
      } else counts.add(answer.refused);
    }
  }
  const wrong: string[] = [];
  const refused = counts.of('not_stored') + counts.of('no answer');
  if (refused > 0) wrong.push(`${refused} messages of others were refused or not answered`);
  if (lost > 0) wrong.push(`${lost} acknowledged messages of others were lost`);
  if (doubled > 0) wrong.push(`${doubled} messages of others were stored twice`);
  return { counts, wrong };
}
