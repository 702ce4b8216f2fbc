import { signToken } from '@holdfast/auth';
import { MemoryOrders, ORDERS_CHANNEL, StorageUnavailableError } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/app-fixture.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const NOW_MS = 1_700_000_000_500;

let t: TestApp;
const heard: string[] = [];
beforeEach(async () => {
  vi.useFakeTimers({ now: NOW_MS, toFake: ['Date', 'performance'] });
  t = await testApp({}, { auth: { secrets: [SECRET], maxTokenSeconds: 600 } });
  heard.length = 0;
  await t.fanOut.subscribe(ORDERS_CHANNEL, (payload) => heard.push(payload.toString()));
});
afterEach(async () => {
  await t.app.close();
  vi.useRealTimers();
});

const tokenOf = (sub: string, scope = 'admin'): Promise<string> =>
  signToken(SECRET, { sub, sessions: ['*'], scope, ttl: 300 });

const call = async (method: string, url: string, body?: object, token?: string, app = t) => {
  const authorization = `Bearer ${token ?? (await tokenOf('root'))}`;
  return app.call(method, `/api${url}`, undefined, {
    headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { payload: JSON.stringify(body) }),
  });
};

describe('POST users/{sub}/disconnect/ and sessions/{id}/disconnect/', () => {
  it('U11, F8: keep the order before they publish its name', async () => {
    const session = await call('POST', '/sessions/team-1/disconnect/');
    expect(session.json()).toEqual({ success: true, session_id: 'team-1', gateways: 1 });
    const user = await call('POST', '/users/a%2Fb%7Cc/disconnect/');
    expect(user.json()).toEqual({ success: true, sub: 'a/b|c', gateways: 1 });
    expect(heard).toEqual(['disconnected session team-1', 'disconnected user a/b|c']);
    expect(await t.orders.find('disconnected', ['session team-1', 'user a/b|c', 'user team-1'])).toEqual([
      NOW_MS,
      NOW_MS,
      undefined,
    ]);
    expect(await t.orders.page('revoked', 0)).toEqual(new Map());
  });

  it.each([
    ['now', NOW_MS / 1000],
    [1_700_000_000, 1_700_000_000],
    [1_700_000_000.0001, 1_700_000_000.001],
    [NOW_MS / 1000 + 3_600, NOW_MS / 1000 + 3_600],
    [0, 0],
  ])('U12: revoke_before %s revokes what was issued before %s', async (revokeBefore, seconds) => {
    const answer = await call('POST', '/users/bob/disconnect/', { revoke_before: revokeBefore });
    expect(answer.json()).toEqual({ success: true, sub: 'bob', revoke_before: seconds, gateways: 1 });
    expect([heard, await t.orders.find('revoked', ['bob'])]).toEqual([['revoked bob'], [seconds * 1000]]);
  });

  it.each([['later'], [-1], ['1700000000'], [NOW_MS / 1000 + 3_601], [1e300], [null], [true], [['now']], [{}]])(
    'U12, H3: revoke_before %j is 400 and names the field',
    async (revokeBefore) => {
      const answer = await call('POST', '/users/bob/disconnect/', { revoke_before: revokeBefore });
      expect([answer.statusCode, answer.json().error]).toEqual([
        400,
        expect.stringMatching(/^revoke_before must be "now"/),
      ]);
      expect(heard).toEqual([]);
    },
  );

  it.each(['server', 'a b', 'ü', '%00', 'a{b}', 'x'.repeat(129)])('U11, U4: %s is no user: 400', async (sub) => {
    const answer = await call('POST', `/users/${encodeURIComponent(sub)}/disconnect/`);
    expect([answer.statusCode, answer.json().error]).toEqual([400, expect.stringMatching(/^sub must be /)]);
  });

  it('U12: where nobody is asked for a token nothing can be revoked, and sessions can be disconnected', async () => {
    const open = await testApp();
    const answer = await open.call('POST', '/api/users/bob/disconnect/', { revoke_before: 'now' });
    expect([answer.statusCode, answer.json().error]).toEqual([
      400,
      expect.stringMatching(/^revoke_before must be absent/),
    ]);
    expect((await open.call('POST', '/api/sessions/s/disconnect/')).statusCode).toBe(200);
    await open.app.close();
  });

  it('U13: more orders than are kept are refused with 503, and Redis that is away with 503', async () => {
    vi.spyOn(MemoryOrders.prototype, 'keep').mockResolvedValueOnce(false);
    const full = await call('POST', '/users/bob/disconnect/', { revoke_before: 'now' });
    expect([full.statusCode, full.json().code, full.headers['retry-after']]).toEqual([503, 'overloaded', '60']);
    vi.spyOn(MemoryOrders.prototype, 'keep').mockRejectedValueOnce(new StorageUnavailableError('Command timed out'));
    const away = await call('POST', '/users/bob/disconnect/', { revoke_before: 'now' });
    expect([away.statusCode, away.json().code]).toEqual([503, 'storage_unavailable']);
    expect(heard).toEqual([]);
  });
});

describe('a token that is revoked', () => {
  it('U12: is refused by every row within a second, and one that is issued later is not', async () => {
    const [old, others] = [await tokenOf('bob'), await tokenOf('cem')];
    expect((await call('GET', '/sessions/', undefined, old)).statusCode).toBe(200);
    await call('POST', '/users/bob/disconnect/', { revoke_before: 'now' });
    vi.advanceTimersByTime(1_000);
    for (const [method, url] of [
      ['GET', '/sessions/'],
      ['GET', '/redis/status/'],
      ['POST', '/broadcast/'],
      ['POST', '/sessions/s/messages/'],
    ] as const) {
      const answer = await call(method, url, undefined, old);
      expect([answer.statusCode, answer.json().code, answer.headers['www-authenticate']], url).toEqual([
        401,
        'unauthorized',
        'Bearer',
      ]);
    }
    expect((await call('GET', '/sessions/', undefined, others)).statusCode).toBe(200);
    expect((await call('GET', '/sessions/', undefined, await tokenOf('bob'))).statusCode).toBe(200);
  });

  it('U12: Redis is asked about a user once a second, however many requests come', async () => {
    const find = vi.spyOn(t.orders, 'find');
    const token = await tokenOf('bob');
    await Promise.all(Array.from({ length: 20 }, () => call('GET', '/sessions/', undefined, token)));
    expect(find).toHaveBeenCalledTimes(1);
  });

  it('U12, D4: while Redis is away nobody is let in unchecked, but for the row that tells so', async () => {
    vi.spyOn(t.orders, 'find').mockRejectedValue(new StorageUnavailableError('Command timed out'));
    expect((await call('GET', '/sessions/')).statusCode).toBe(503);
    expect((await call('GET', '/redis/status/')).statusCode).toBe(200);
  });
});
