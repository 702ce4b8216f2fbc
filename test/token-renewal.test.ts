import { signToken } from '@holdfast/auth';
import { HoldfastClient, type WebSocketConstructor } from '@holdfast/client';
import { eventually, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startBehindFrontDoor } from './front-door.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
/** Seconds. Tokens are renewed after half to three quarters of that. */
const TTL = 3;

let url: string;

beforeAll(async () => {
  const { door } = await startBehindFrontDoor({ AUTH_JWT_SECRET: SECRET });
  url = `ws://127.0.0.1:${door.port}/ws/chat/`;
});

afterAll(stopAll);

function tokenOf(sub: string, sessions = ['room']): Promise<string> {
  return signToken(SECRET, { sub, sessions, scope: 'read write', ttl: TTL }, Date.now());
}

/** A member that notes what it was told. */
function memberWith(token: string | (() => Promise<string>)) {
  const client = new HoldfastClient({
    url,
    sessionId: 'room',
    redisPersistence: true,
    history: true,
    webSocket: WebSocket as unknown as WebSocketConstructor,
    backoffBaseMs: 50,
    token,
  });
  const seen = { ids: [] as string[], states: [] as string[], welcomes: 0, reasons: [] as string[] };
  client.on('message', ({ id }) => seen.ids.push(id));
  client.on('welcome', () => seen.welcomes++);
  client.on('state', (state) => {
    seen.states.push(state.kind);
    if (state.kind === 'waiting' || state.kind === 'closed') seen.reasons.push(`${state.code} ${state.reason}`);
  });
  client.connect();
  return { client, seen };
}

describe('a client with tokens', () => {
  it('U10, V22: outlives them without losing or doubling a message, and comes back once where one was not renewed', async () => {
    let asked = 0;
    const renewing = memberWith(() => {
      asked += 1;
      return tokenOf('ann');
    });
    const stale = await tokenOf('bob');
    let closes = 0;
    const late = memberWith(async () => (closes > 0 ? tokenOf('bob') : stale));
    late.client.on('state', ({ kind }) => {
      if (kind === 'waiting') closes += 1;
    });
    await eventually('both to be connected', () => renewing.seen.welcomes > 0 && late.seen.welcomes > 0);

    const sent: string[] = [];
    const results: Promise<{ ok: boolean }>[] = [];
    const sending = setInterval(() => {
      for (const { client } of [renewing, late]) {
        const { id, result } = client.send(`number ${sent.length}`);
        sent.push(id);
        results.push(result);
      }
    }, 20);
    await eventually('a renewal, and a connection after 4401', () => asked > 1 && late.seen.welcomes > 1, {
      timeoutMs: 10_000,
    });
    clearInterval(sending);
    expect((await Promise.all(results)).filter(({ ok }) => !ok)).toEqual([]);
    for (const { seen } of [renewing, late]) {
      await eventually('every message', () => seen.ids.length >= sent.length);
      expect(seen.ids.toSorted()).toEqual(sent.toSorted());
    }
    expect(late.seen.ids).toEqual(renewing.seen.ids);
    expect(renewing.seen).toMatchObject({ welcomes: 1, states: ['connecting', 'open'] });
    expect(late.seen.reasons[0]).toBe('4401 token missing, bad or expired');
    for (const { client } of [renewing, late]) client.close();
  });

  it('U6, U10: says in words why it is not let in', async () => {
    const stranger = memberWith('no.token.of.ours');
    const elsewhere = memberWith(await tokenOf('cem', ['other']));
    const expires = memberWith(await tokenOf('dan'));
    const reasons = () => [stranger, elsewhere, expires].map(({ seen }) => seen.reasons[0]);
    await eventually('each to be told', () => reasons().every((reason) => reason !== undefined));
    expect(reasons()).toEqual([
      '1006 Unexpected server response: 401',
      '1006 Unexpected server response: 403',
      '4401 token missing, bad or expired',
    ]);
    expect(expires.client.state.kind).toBe('closed');
    for (const { client } of [stranger, elsewhere, expires]) client.close();
  });
});
