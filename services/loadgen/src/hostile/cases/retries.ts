import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../api-client.js';
import { type SendAnswer, SendingMember } from '../framed-socket.js';
import { apiUrl, type CaseLoad, type CaseTarget, Counts, type HeavyCase, memberQuery } from './heavy-case.js';
import { storeLargeHistory } from './large-history.js';

const SESSION = 'heavy-history';
const FIRST_SENDS = 10;
const ANSWER_MS = 20_000;
const HTTP_PATH = `sessions/${SESSION}/messages/`;
const HTTP_BODY = { content: 'by HTTP', sender: 'retrying-back-end' };
const FIRST_TRIES = 5;
const REJOIN_MS = 500;

/** What kinds of retries take turns: of stored messages with every kind of position, of a new one, and by HTTP (V20, A4). */
const KINDS = ['right', 'bogus', 'none', 'new', 'http'] as const;
type Kind = (typeof KINDS)[number];

interface Named {
  readonly seq: number;
  readonly id: string;
}

interface Stored extends Named {
  readonly content: string;
  /** The position when it was first sent. */
  readonly after: { readonly epoch: string; readonly seq: number; readonly id: string };
}

/** One client that repeats its sends into a large history. */
export function retries(perSecond: number): HeavyCase {
  return {
    about: `${perSecond} retries a second into that session: positions right, bogus and absent, new ids, and by HTTP`,
    prepare: async (target) => {
      await storeLargeHistory(target, SESSION);
      const member = await SendingMember.join(target.gatewayPort, memberQuery(SESSION, 'retrying'));
      // Without an id it is a first send, which is not searched for; the answer names the id under which it is repeated.
      const answer = await new ApiClient(apiUrl(target)).insist('POST', HTTP_PATH, HTTP_BODY);
      const byHttp = { seq: Number(answer['seq']), id: String(answer['id']) };
      return load(target, member, await firstSends(member, byHttp), byHttp, perSecond);
    },
  };
}

/** @param newest the newest message */
async function firstSends(member: SendingMember, newest: Named): Promise<readonly Stored[]> {
  const stored: Stored[] = [];
  let after = { epoch: member.epoch, ...newest };
  for (let index = 0; index < FIRST_SENDS; index++) {
    const [id, content] = [`first-${index}`, `first ${index}`];
    let answer = await member.send({ type: 'send', id, content }, ANSWER_MS);
    for (let tries = 1; 'refused' in answer; tries++) {
      if (tries === FIRST_TRIES) throw new Error(`a first send was answered with ${answer.refused}`);
      answer = await member.send({ type: 'send', id, content, retry: true, after }, ANSWER_MS);
    }
    stored.push({ id, content, seq: answer.seq, after });
    after = { epoch: member.epoch, seq: answer.seq, id };
  }
  return stored;
}

function load(
  target: CaseTarget,
  first: SendingMember,
  stored: readonly Stored[],
  byHttp: Named,
  perSecond: number,
): CaseLoad {
  const api = new ApiClient(apiUrl(target));
  return async (endsAtMs) => {
    const counts = new Counts();
    const wrong = new Set<string>();
    const ended: SendingMember[] = [];
    let member = first;
    let longestMs = 0;
    const underWay = new Set<Promise<void>>();
    const retry = async (number: number): Promise<void> => {
      const kind = KINDS[number % KINDS.length] ?? 'none';
      const message = stored[Math.floor(number / KINDS.length) % stored.length];
      if (!message) return;
      const startedAt = performance.now();
      const verdict =
        kind === 'http'
          ? await repeatByHttp(api, byHttp, counts)
          : await repeatBySocket(member, message, kind, number, counts);
      longestMs = Math.max(longestMs, performance.now() - startedAt);
      if (verdict !== undefined) wrong.add(verdict);
    };
    const startedAt = performance.now();
    for (let number = 0; performance.now() < endsAtMs; number++) {
      const dueAt = startedAt + (number * 1_000) / perSecond;
      await delay(Math.max(0, Math.min(dueAt, endsAtMs) - performance.now()));
      if (!member.isOpen) {
        counts.add(`times ${member.ending}`);
        ended.push(member);
        member = await rejoin(target, endsAtMs);
      }
      const one: Promise<void> = retry(number).finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await Promise.all(underWay);
    member.end();
    for (const id of new Set([...ended, member].flatMap(({ shown }) => [...shown.keys()]))) {
      const numbers = new Set([...ended, member].flatMap(({ shown }) => [...(shown.get(id) ?? [])]));
      if (numbers.size > 1) wrong.add(`${id} was stored ${numbers.size} times`);
    }
    return { note: `${counts}; longest answer ${Math.round(longestMs)} ms`, wrong: [...wrong] };
  };
}

/** The member comes back after it was closed. @throws Error when it is not let in until the end */
async function rejoin({ gatewayPort }: CaseTarget, endsAtMs: number): Promise<SendingMember> {
  for (;;) {
    try {
      return await SendingMember.join(gatewayPort, memberQuery(SESSION, 'retrying'));
    } catch (error) {
      if (performance.now() > endsAtMs) throw error;
      await delay(REJOIN_MS);
    }
  }
}

/** @returns what must not be */
async function repeatBySocket(
  member: SendingMember,
  { id, content, seq, after }: Stored,
  kind: Exclude<Kind, 'http'>,
  number: number,
  counts: Counts,
): Promise<string | undefined> {
  const bogus = { ...after, seq: after.seq + 1_000_000, id: `no-${number}` };
  const fields = { type: 'send', retry: true } as const;
  let answer: SendAnswer;
  if (kind === 'new') {
    // Small, so that it pushes no message out of the log that is repeated later.
    answer = await member.send({ ...fields, id: `new-${number}`, content: 'new', after: bogus }, ANSWER_MS);
  } else {
    const position = { right: { after }, bogus: { after: bogus }, none: {} }[kind];
    answer = await member.send({ ...fields, id, content, ...position }, ANSWER_MS);
  }
  counts.add('seq' in answer ? `${kind} answered` : `${kind} ${answer.refused}`);
  if (kind === 'new' || !('seq' in answer) || answer.seq === seq) return undefined;
  return `a retry of number ${seq} was answered with ${answer.seq}`;
}

async function repeatByHttp(api: ApiClient, { seq, id }: Named, counts: Counts): Promise<string | undefined> {
  const answer = await api.request('POST', HTTP_PATH, { ...HTTP_BODY, id }).catch(() => undefined);
  counts.add(answer?.status === 200 ? 'http answered' : `http ${answer?.status ?? 'no answer'}`);
  const found = answer?.status === 200 ? answer.body['seq'] : seq;
  return found === seq ? undefined : `a retry by HTTP of number ${seq} was answered with ${found}`;
}
