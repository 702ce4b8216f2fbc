import { connectFramed, connectPlain, type ServiceProcess, startProcess, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('what the API does reaches the members of a gateway', () => {
  let api: ServiceProcess;
  let gateway: ServiceProcess;
  beforeAll(async () => {
    const redis = await startRedis();
    // On a busy machine answers are late, which must not count as an outage.
    const env = { CHANNEL_REDIS_URL: redis.url };
    [api, gateway] = await Promise.all([
      startProcess({ service: 'session-api', env }),
      startProcess({ service: 'gateway', env }),
    ]);
  });
  afterAll(stopAll);

  async function members(session: string) {
    const query = { session, redis_persistence: true };
    const plain = await connectPlain(gateway.wsUrl, { query });
    const framed = await connectFramed(gateway.wsUrl, { query });
    await framed.frames.next({ type: 'welcome' });
    return { plain, framed };
  }

  async function call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await fetch(`${api.url}/api/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return (await answer.json()) as Record<string, unknown>;
  }

  it('P2, V2: a message sent by HTTP, with its number and sender', async () => {
    const { plain, framed } = await members('by-http');
    const { seq, id } = await call('POST', 'sessions/by-http/messages/', { content: 'from a back end', sender: 'bot' });
    expect(await framed.frames.next({ type: 'message' })).toMatchObject({
      seq,
      id,
      content: 'from a back end',
      sender: 'bot',
    });
    expect(await plain.frames.next()).toMatchObject({ count: seq, echo: 'from a back end', sessionId: 'by-http' });
  });

  it('what members send is in the history, with both faces', async () => {
    const { plain, framed } = await members('history');
    plain.sendRaw('Hello Redis!');
    const { seq, id, timestamp } = await framed.frames.next({ type: 'message' });
    const body = await call('GET', 'sessions/history/messages/');
    const face = { timestamp, sessionId: 'history', seq, id };
    expect(body['messages']).toEqual([
      { content: 'Hello Redis!', isSent: true, ...face },
      { content: 'Message #1: Hello Redis!', isSent: false, ...face },
    ]);
  });

  it('V7: extended, then deleted and closed 4404', async () => {
    const { plain, framed } = await members('changed');
    await call('POST', 'sessions/changed/extend/', { ttl: 7200 });
    expect(await framed.frames.next({ type: 'session' })).toEqual({ type: 'session', event: 'extended', ttl: 7200 });
    await call('DELETE', 'sessions/changed/delete/');
    expect(await framed.frames.next({ type: 'session' })).toEqual({ type: 'session', event: 'deleted' });
    expect((await framed.closed).code).toBe(4404);
    expect((await plain.closed).code).toBe(4404);
  });

  it('P5, V9: a broadcast, to every connection of every session', async () => {
    const [a, b] = await Promise.all([members('one'), members('two')]);
    const { id, timestamp } = await call('POST', 'broadcast/', {
      message: 'Back at 5',
      title: 'Heads up',
      level: 'warning',
    });
    const frame = { type: 'broadcast', title: 'Heads up', message: 'Back at 5', level: 'warning', timestamp };
    for (const { plain, framed } of [a, b]) {
      expect(await plain.frames.next()).toEqual(frame);
      expect(await framed.frames.next({ type: 'broadcast' })).toEqual({ ...frame, id });
    }
  });
});
