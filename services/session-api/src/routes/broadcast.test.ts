import { BROADCAST_CHANNEL } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_BYTES, type TestApp, testApp } from '../../test/app-fixture.js';

describe('POST broadcast/', () => {
  let t: TestApp;
  let heard: unknown[];
  beforeEach(async () => {
    t = await testApp();
    heard = [];
    await t.fanOut.subscribe(BROADCAST_CHANNEL, (payload) => heard.push(JSON.parse(payload.toString())));
  });
  afterEach(() => t.app.close());

  it('V9, E1: keeps id, title, message, level and timestamp, and tells every gateway of it', async () => {
    const body = { title: 'Heads up', message: 'Back at 5', level: 'warning' };
    const answer = await t.call('POST', '/api/broadcast/', body);
    expect(answer.statusCode).toBe(200);
    const { id, timestamp, ...rest } = answer.json();
    expect(rest).toEqual({ success: true, gateways: 1 });
    // Its channel tells the id alone, for which gateways ask Redis.
    expect(heard).toEqual([{ id }]);
    expect(JSON.parse((await t.sessions.broadcast(id)) ?? '')).toEqual({ id, ...body, timestamp });
    expect(Math.abs(timestamp - Date.now())).toBeLessThan(10_000);
  });

  it('P5: level is info and the title empty unless given', async () => {
    const { id } = (await t.call('POST', '/chat/api/broadcast', { message: 'hello' })).json();
    const kept = JSON.parse((await t.sessions.broadcast(id)) ?? '');
    expect(kept).toMatchObject({ title: '', level: 'info', message: 'hello' });
  });

  it.each([
    ['message', {}],
    ['message', { message: '' }],
    ['message', { message: 5 }],
    ['level', { message: 'a', level: 'panic' }],
    ['level', { message: 'a', level: null }],
    ['title', { message: 'a', title: 5 }],
    ['title', { message: 'a', title: 'x'.repeat(257) }],
  ])('H3: names %s in %j and publishes nothing', async (field, body) => {
    const answer = await t.call('POST', '/api/broadcast/', body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(new RegExp(`^${field} must be `));
    expect(heard).toEqual([]);
  });

  it('H3: a message that is too long is 413', async () => {
    const answer = await t.call('POST', '/api/broadcast/', { message: 'x'.repeat(MAX_BYTES + 1) });
    expect(answer.json()).toMatchObject({ code: 'message_too_large' });
    expect(answer.statusCode).toBe(413);
  });

  it('D4: 503 storage_unavailable when nothing can be published', async () => {
    const away = await testApp({ fanOut: { publish: () => Promise.reject(new Error('Connection is closed.')) } });
    const answer = await away.call('POST', '/api/broadcast/', { message: 'hello' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ success: false, code: 'storage_unavailable' });
    expect(await away.metrics.exposition()).toMatch(/holdfast_redis_errors_total\{kind="closed".*\} 1/);
    await away.app.close();
  });
});
