import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../api-client.js';
import { type SendAnswer, SendingMember } from '../framed-socket.js';
import { apiUrl, type CaseLoad, type CaseTarget, Counts, type HeavyCase, memberQuery } from './heavy-case.js';
import { storeLargeHistory } from './large-history.js';

const SESSION = 'heavy-history';
const FIRST_SENDS = 10;
const ANSWER_MS = 20_000;
const HTTP_ID = 'from-the-back-end';
const HTTP_PATH = `sessions/${SESSION}/messages/`;
const HTTP_BODY = { content: 'by HTTP', id: HTTP_ID, sender: 'retrying-back-end' };
const FIRST_TRIES = 5;

/** What kinds of retries take turns: of stored messages with every kind of position, of a new one, and by HTTP (V20, A4). */
const KINDS = ['right', 'bogus', 'none', 'new', 'http'] as const;
type Kind = (typeof KINDS)[number];

interface Stored {
  readonly id: string;
  readonly content: string;
  readonly seq: number;
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
      const { seq } = await new ApiClient(apiUrl(target)).insist('POST', HTTP_PATH, HTTP_BODY);
      return load(target, member, await firstSends(member, Number(seq)), Number(seq), perSecond);
    },
  };
}

/** @param newest number of the newest message, which was sent by HTTP */
async function firstSends(member: SendingMember, newest: number): Promise<readonly Stored[]> {
  const stored: Stored[] = [];
  let after = { epoch: member.epoch, seq: newest, id: HTTP_ID };
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
  member: SendingMember,
  stored: readonly Stored[],
  httpSeq: number,
  perSecond: number,
): CaseLoad {
  const api = new ApiClient(apiUrl(target));
  return async (endsAtMs) => {
    const counts = new Counts();
    const wrong = new Set<string>();
    let longestMs = 0;
    const underWay = new Set<Promise<void>>();
    const retry = async (number: number): Promise<void> => {
      const kind = KINDS[number % KINDS.length] ?? 'none';
      const message = stored[Math.floor(number / KINDS.length) % stored.length];
      if (!message) return;
      const startedAt = performance.now();
      const verdict =
        kind === 'http' ? await byHttp(api, httpSeq, counts) : await bySocket(member, message, kind, number, counts);
      longestMs = Math.max(longestMs, performance.now() - startedAt);
      if (verdict !== undefined) wrong.add(verdict);
    };
    const startedAt = performance.now();
    for (let number = 0; performance.now() < endsAtMs; number++) {
      const dueAt = startedAt + (number * 1_000) / perSecond;
      await delay(Math.max(0, Math.min(dueAt, endsAtMs) - performance.now()));
      if (!member.isOpen) {
        wrong.add('the retrying member was closed');
        break;
      }
      const one: Promise<void> = retry(number).finally(() => underWay.delete(one));
      underWay.add(one);
    }
    await Promise.all(underWay);
    for (const [id, numbers] of member.shown) {
      if (numbers.size > 1) wrong.add(`${id} was stored ${numbers.size} times`);
    }
    member.end();
    return { note: `${counts}; longest answer ${Math.round(longestMs)} ms`, wrong: [...wrong] };
  };
}

/** @returns what must not be */
async function bySocket(
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

async function byHttp(api: ApiClient, seq: number, counts: Counts): Promise<string | undefined> {
  const answer = await api.request('POST', HTTP_PATH, HTTP_BODY).catch(() => undefined);
  counts.add(answer?.status === 200 ? 'http answered' : `http ${answer?.status ?? 'no answer'}`);
  const found = answer?.status === 200 ? answer.body['seq'] : seq;
  return found === seq ? undefined : `a retry by HTTP of number ${seq} was answered with ${found}`;
}
