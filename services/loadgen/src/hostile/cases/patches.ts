import { setTimeout as delay } from 'node:timers/promises';
import { ApiClient } from '../../api-client.js';
import { apiUrl, type CaseLoad, type CaseTarget, Counts, type HeavyCase } from './heavy-case.js';

const SMALL = 30;
const LARGE = 60;
const LARGE_BYTES = 15_000;
/** Bytes of custom fields that a session may have. */
const DATA_BYTES_MAX = 16_384;
const TRIES = 20;
/** Between two rounds: what they do to each other is measured, and not how much CPU there is. */
const PAUSE_MS = 250;

/** Many changes of one session's fields at once: small ones, none of which may be lost, and large ones, of which one fits. */
export const patches: HeavyCase = {
  about: '30 small PATCHes of one session at once, then 60 of 15 KB of which one fits, again and again',
  prepare: async (target) => load(target),
};

function load(target: CaseTarget): CaseLoad {
  const api = new ApiClient(apiUrl(target));
  return async (endsAtMs) => {
    const counts = new Counts();
    const wrong = new Set<string>();
    let rounds = 0;
    do {
      await small(api, `small-${rounds}`, counts, wrong);
      await large(api, `large-${rounds}`, counts, wrong);
      rounds += 1;
      await delay(PAUSE_MS);
    } while (performance.now() < endsAtMs);
    return { note: `${counts}; ${rounds} rounds`, wrong: [...wrong] };
  };
}

async function small(api: ApiClient, session: string, counts: Counts, wrong: Set<string>): Promise<void> {
  await create(api, session);
  const done = await Promise.all(
    Array.from({ length: SMALL }, (_, index) => patch(api, session, { [`field-${index}`]: index }, 'small', counts)),
  );
  const data = await dataOf(api, session);
  const accepted = done.flatMap((status, index) => (status === 200 ? [`field-${index}`] : []));
  const lost = accepted.filter((name) => data[name] === undefined).length;
  if (accepted.length < SMALL) wrong.add('a small PATCH was never accepted');
  if (lost > 0) wrong.add(`${lost} accepted fields were lost`);
  if (counts.of('small 503') > 0) wrong.add('503 although Redis was there');
}

async function large(api: ApiClient, session: string, counts: Counts, wrong: Set<string>): Promise<void> {
  await create(api, session);
  const filling = 'x'.repeat(LARGE_BYTES);
  await Promise.all(
    Array.from({ length: LARGE }, (_, index) => patch(api, session, { [`field-${index}`]: filling }, 'large', counts)),
  );
  const {
    count: _count,
    last_activity: _lastActivity,
    disconnected_at: _disconnectedAt,
    ...custom
  } = await dataOf(api, session);
  const bytes = Buffer.byteLength(JSON.stringify(custom));
  if (bytes > DATA_BYTES_MAX) wrong.add(`${bytes} bytes of custom fields are stored`);
  if (Object.keys(custom).length === 0) wrong.add('no large PATCH was accepted');
}

/** Sends it again as long as the answer is that it may be. @returns the last status; 0 when there was no answer */
async function patch(api: ApiClient, session: string, data: object, kind: string, counts: Counts): Promise<number> {
  for (let tries = 1; ; tries++) {
    const answer = await api.request('PATCH', `sessions/${session}/`, { data }).catch(() => undefined);
    const status = answer?.status ?? 0;
    counts.add(`${kind} ${status || 'not answered'}`);
    if ((status !== 409 && status !== 503 && status !== 0) || tries === TRIES) return status;
  }
}

async function create(api: ApiClient, session: string): Promise<void> {
  const { status } = await api.request('POST', 'sessions/', { session_id: session });
  if (status !== 201) throw new Error(`creating ${session} was answered with ${status}`);
}

async function dataOf(api: ApiClient, session: string): Promise<Record<string, unknown>> {
  const { data } = (await api.insist('GET', `sessions/${session}/`)) as { data: { data: Record<string, unknown> } };
  return data.data;
}
