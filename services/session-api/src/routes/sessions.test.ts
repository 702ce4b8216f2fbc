import { decodeLive, liveChannel, type SessionEvent } from '@holdfast/session-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_TTL, START_MS, store, type TestApp, testApp } from '../../test/app-fixture.js';

let t: TestApp;
beforeEach(async () => {
  t = await testApp();
});
afterEach(() => t.app.close());

/** Events the members of a session are told. */
async function listen(sessionId: string): Promise<SessionEvent[]> {
  const events: SessionEvent[] = [];
  await t.fanOut.subscribe(liveChannel(sessionId), (payload) => {
    const live = decodeLive(payload);
    if (live?.kind === 'session') events.push(live.event);
  });
  return events;
}

describe('POST sessions/', () => {
  it('creates a session with data and ttl, and says so in the log', async () => {
    const answer = await t.call('POST', '/api/sessions/', { session_id: 'room', data: { topic: 'tea' }, ttl: 60 });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toEqual({
      success: true,
      session_id: 'room',
      data: {
        data: { count: 0, last_activity: START_MS / 1000, topic: 'tea' },
        created_at: START_MS / 1000,
        ttl: 60,
        remaining_ttl: 60,
      },
    });
    expect(t.lines).toEqual(['INFO: Session stored in Redis: room, TTL: 60s']);
  });

  it.each([undefined, {}])('makes up an id and takes the default ttl for the body %j', async (body) => {
    const answer = await t.call('POST', '/api/sessions', body);
    expect(answer.statusCode).toBe(201);
    const { session_id: sessionId, data } = answer.json();
    expect(sessionId).toMatch(/^[0-9a-f-]{36}$/);
    expect(data.ttl).toBe(3600);
    expect(await t.sessions.get(sessionId)).toBeDefined();
    expect(t.lines).toEqual([`INFO: Session stored in Redis: ${sessionId}, TTL: 3600s`]);
  });

  it('H3: answers 409 session_exists and leaves the session alone', async () => {
    await t.call('POST', '/api/sessions/', { session_id: 'room', data: { a: 1 } });
    const answer = await t.call('POST', '/api/sessions/', { session_id: 'room', data: { a: 2 } });
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toMatchObject({ success: false, code: 'session_exists', session_id: 'room' });
    expect((await t.sessions.get('room'))?.custom).toEqual({ a: 1 });
    expect(t.lines).toHaveLength(1);
  });

  it.each([
    ['session_id', ''],
    ['session_id', 'a/b'],
    ['session_id', 'x'.repeat(129)],
    ['session_id', '.'],
    ['session_id', '..'],
    ['session_id', 5],
    ['session_id', null],
    ['ttl', 0],
    ['ttl', -1],
    ['ttl', 1.5],
    ['ttl', '60'],
    ['ttl', MAX_TTL + 1],
    ['ttl', true],
    ['data', []],
    ['data', 'text'],
    ['data', null],
  ])('H3: refuses %s %j by its name', async (field, value) => {
    const answer = await t.call('POST', '/api/sessions/', { [field]: value });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(new RegExp(`^${field} must be `));
  });

  it.each(['count', 'last_activity', 'disconnected_at'])('refuses the reserved field %s', async (name) => {
    const answer = await t.call('POST', '/api/sessions/', { data: { [name]: 1 } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toContain(`data.${name}`);
  });

  it('refuses data that is nested too deep or too long, also where the body itself may pass', async () => {
    const deep = `{"data":{"a":${'['.repeat(1500)}${']'.repeat(1500)}}}`;
    const headers = { 'content-type': 'application/json' };
    const nested = await t.call('POST', '/api/sessions/', undefined, { payload: deep, headers });
    expect(nested.statusCode).toBe(400);
    expect(nested.json().error).toContain('data must be nested at most 32 levels');
    const long = await t.call('POST', '/api/sessions/', { data: { a: 'x'.repeat(16_384) } });
    expect(long.statusCode).toBe(413);
    expect(long.json().code).toBe('payload_too_large');
  });

  it.each(['9007199254740993', '1e400', '-1e400', '1e-400', '0.1234567890123456789012345678901'])(
    'C8: %s in custom data is refused by its path, when creating and when merging, and nothing is stored',
    async (number) => {
      await t.call('POST', '/api/sessions/', { session_id: 'old', data: { order: { id: 1 } } });
      const payload = `{"session_id":"new","data":{"order":{"id":${number}}}}`;
      const headers = { 'content-type': 'application/json' };
      for (const [method, url] of [
        ['POST', '/api/sessions/'],
        ['PATCH', '/chat/api/sessions/old/'],
      ] as const) {
        const answer = await t.call(method, url, undefined, { payload, headers });
        expect(answer.statusCode).toBe(400);
        expect(answer.json()).toMatchObject({ success: false, code: 'bad_request' });
        expect(answer.json().error).toMatch(/^data\.order\.id must be a number that JavaScript keeps, or a string: /);
      }
      expect(await t.sessions.get('new')).toBeUndefined();
      expect((await t.sessions.get('old'))?.custom).toEqual({ order: { id: 1 } });
    },
  );

  it('C8: custom data come back as they were given, numbers with their value', async () => {
    const data =
      '{"a":1.0,"b":1e2,"c":0.10,"d":-0,"e":9007199254740991,"f":0.1,"g":[],"h":{},"i":"\\ud800","constructor":"x"}';
    const payload = `{"session_id":"kept","data":${data}}`;
    const headers = { 'content-type': 'application/json' };
    const answer = await t.call('POST', '/api/sessions/', undefined, { payload, headers });
    expect(answer.statusCode).toBe(201);
    expect((await t.call('GET', '/api/sessions/kept/')).body).toContain(
      '"a":1,"b":100,"c":0.1,"d":0,"e":9007199254740991,"f":0.1,"g":[],"h":{},"i":"\\ud800","constructor":"x"}',
    );
  });
});

describe('GET sessions/{id}/', () => {
  it("answers the object of the original guides with Redis' remaining TTL", async () => {
    await t.call('POST', '/api/sessions/', { session_id: 'test-session-123' });
    await store(t.sessions, 'test-session-123', 'one', 'two');
    t.advance(1_800_000);
    const answer = await t.call('GET', '/api/sessions/test-session-123/');
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      success: true,
      session_id: 'test-session-123',
      data: {
        data: { count: 2, last_activity: START_MS / 1000 },
        created_at: START_MS / 1000,
        ttl: 3600,
        remaining_ttl: 1800,
      },
    });
  });

  it('T1: reading does not refresh the expiry', async () => {
    await t.sessions.open('room');
    t.advance(1_000_000);
    await t.call('GET', '/api/sessions/room/');
    expect((await t.sessions.get('room'))?.remainingMs).toBe(2_600_000);
  });

  it('shows disconnected_at while nobody is connected', async () => {
    await t.sessions.open('room');
    await t.sessions.leave('room');
    expect((await t.call('GET', '/api/sessions/room/')).json().data.data.disconnected_at).toBe(START_MS / 1000);
  });

  it('H3: answers 404 session_not_found with the id', async () => {
    const answer = await t.call('GET', '/api/sessions/nobody/');
    expect(answer.statusCode).toBe(404);
    expect(answer.json()).toMatchObject({ success: false, code: 'session_not_found', session_id: 'nobody' });
  });

  it.each(['a b', 'a%20b', 'x'.repeat(129), 'x'.repeat(3000), 'x'.repeat(16_000), 'caf%C3%A9', 'a:b', '%00'])(
    'C2: refuses the id %j',
    async (id) => {
      const answer = await t.call('GET', `/api/sessions/${id}/`);
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toEqual({
        success: false,
        code: 'bad_request',
        error: 'session_id must be 1 to 128 of A-Z a-z 0-9 . _ ~ -, and neither . nor ..',
      });
    },
  );

  it('C2: takes ids of 128 characters', async () => {
    const id = 'x'.repeat(128);
    await t.sessions.open(id);
    expect((await t.call('GET', `/api/sessions/${id}/`)).statusCode).toBe(200);
  });
});

describe('GET sessions/', () => {
  beforeEach(async () => {
    for (const id of ['a-1', 'a-2', 'a-3', 'b-1']) await t.sessions.create(id, { ttl: 100 });
  });

  it('lists sessions page by page, cursor null at the end', async () => {
    const first = (await t.call('GET', '/api/sessions/?limit=3')).json();
    expect(first.sessions).toHaveLength(3);
    const second = (await t.call('GET', `/api/sessions/?limit=3&cursor=${encodeURIComponent(first.cursor)}`)).json();
    expect(second.cursor).toBeNull();
    const ids = [...first.sessions, ...second.sessions].map((row: { session_id: string }) => row.session_id);
    expect(ids.sort()).toEqual(['a-1', 'a-2', 'a-3', 'b-1']);
  });

  it('each row has these fields', async () => {
    const answer = (await t.call('GET', '/api/sessions/?prefix=b-')).json();
    const at = START_MS / 1000;
    expect(answer).toEqual({
      success: true,
      sessions: [{ session_id: 'b-1', count: 0, last_activity: at, created_at: at, ttl: 100, remaining_ttl: 100 }],
      cursor: null,
    });
  });

  it.each([
    ['limit', '0'],
    ['limit', '1001'],
    ['limit', 'x'],
    ['limit', ''],
    ['limit', '1.5'],
    ['limit', '1&limit=2'],
    ['prefix', ''],
    ['prefix', 'a*'],
    ['prefix', '%5B'],
    ['cursor', ''],
    ['cursor', 'a%20b'],
  ])('H3: refuses %s=%s by its name', async (field, value) => {
    const answer = await t.call('GET', `/api/sessions/?${field}=${value}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toMatch(new RegExp(`^${field} must be `));
  });
});

describe('PATCH sessions/{id}/', () => {
  it('merges into the data field by field, and T1: refreshes nothing', async () => {
    await t.sessions.create('room', { custom: { a: 1, b: [] } });
    t.advance(5_000);
    const answer = await t.call('PATCH', '/api/sessions/room/', { data: { b: { c: null }, d: 'x' } });
    expect(answer.statusCode).toBe(200);
    expect(answer.json().data).toMatchObject({ data: { a: 1, b: { c: null }, d: 'x' }, remaining_ttl: 3595 });
  });

  it.each(['count', 'last_activity', 'disconnected_at'])('refuses the reserved field %s with 400', async (name) => {
    await t.sessions.create('room', {});
    const answer = await t.call('PATCH', '/api/sessions/room/', { data: { [name]: 5 } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'bad_request', session_id: 'room' });
    expect(answer.json().error).toContain(`data.${name}`);
  });

  it('bounds what the session holds in all', async () => {
    await t.sessions.create('room', { custom: { a: 'x'.repeat(10_000) } });
    const answer = await t.call('PATCH', '/api/sessions/room/', { data: { b: 'x'.repeat(10_000) } });
    expect(answer.statusCode).toBe(413);
    expect((await t.sessions.get('room'))?.custom).not.toHaveProperty('b');
  });

  it('many at once are each merged, and hold the bound together', async () => {
    await t.sessions.create('room', {});
    const patches = Array.from({ length: 60 }, (_, n) =>
      t.call('PATCH', '/api/sessions/room/', { data: { [`f${n}`]: 'x'.repeat(1_000) } }),
    );
    const statuses = (await Promise.all(patches)).map((answer) => answer.statusCode);
    expect(statuses.filter((status) => status === 200)).toHaveLength(16);
    expect(statuses.filter((status) => status === 413)).toHaveLength(44);
    expect(Object.keys((await t.sessions.get('room'))?.custom ?? {})).toHaveLength(16);
  });

  it('H3: names a missing data, and 404 for a session that does not exist', async () => {
    const missing = await t.call('PATCH', '/api/sessions/room/', {});
    expect(missing.json().error).toMatch(/^data must be a JSON object/);
    expect((await t.call('PATCH', '/api/sessions/room/', { data: {} })).json().code).toBe('session_not_found');
  });
});

describe('POST sessions/{id}/extend/', () => {
  it('T1: sets ttl and expiry, tells the members, and says so in the log', async () => {
    await t.sessions.create('my-session', {});
    const events = await listen('my-session');
    t.advance(1_000_000);
    const answer = await t.call('POST', '/api/sessions/my-session/extend/', { ttl: 7200 });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ success: true, session_id: 'my-session', ttl: 7200, remaining_ttl: 7200 });
    expect(t.lines).toEqual(['INFO: Session TTL extended in Redis: my-session, new TTL: 7200s']);
    await Promise.resolve();
    expect(events).toEqual([{ event: 'extended', ttl: 7200 }]);
  });

  it('T1: answers in data what a GET answers, beside the fields of its own', async () => {
    await t.sessions.create('room', { custom: { topic: 'x', nested: { a: [1] } }, ttl: 500 });
    const extended = (await t.call('POST', '/api/sessions/room/extend/', { ttl: 7200 })).json();
    const { data } = (await t.call('GET', '/api/sessions/room/')).json();
    expect(data).toMatchObject({ data: { count: 0, topic: 'x', nested: { a: [1] } }, ttl: 7200, remaining_ttl: 7200 });
    expect(extended).toEqual({ success: true, session_id: 'room', ttl: 7200, remaining_ttl: 7200, data });
  });

  it.each([undefined, '', '{}'])("takes the session's own ttl again for the body %j", async (payload) => {
    await t.sessions.create('room', { ttl: 500 });
    t.advance(100_000);
    const sent = payload === undefined ? {} : { payload, headers: { 'content-type': 'application/json' } };
    const answer = await t.call('POST', '/api/sessions/room/extend/', undefined, sent);
    expect(answer.json()).toMatchObject({ success: true, ttl: 500, remaining_ttl: 500 });
  });

  it.each([0, -1, 1.5, MAX_TTL + 1, '7200', null, [], 1e300])('H3: refuses the ttl %j', async (ttl) => {
    await t.sessions.create('room', {});
    const answer = await t.call('POST', '/api/sessions/room/extend/', { ttl });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().error).toBe(`ttl must be a whole number of seconds from 1 to ${MAX_TTL}`);
  });

  it('H3: 404 for a session that does not exist', async () => {
    expect((await t.call('POST', '/api/sessions/room/extend/', {})).json().code).toBe('session_not_found');
    expect(t.lines).toEqual([]);
  });
});

describe('sessions that were stored as . or ..', () => {
  beforeEach(async () => {
    for (const id of ['.', '..', 'room']) await t.sessions.open(id);
  });

  it('C2: are listed, and deleted by query', async () => {
    const ids = async () => {
      const rows = (await t.call('GET', '/api/sessions/?prefix=.')).json().sessions;
      return rows.map((row: { session_id: string }) => row.session_id);
    };
    expect(await ids()).toEqual(['.', '..']);
    const page = (await t.call('GET', '/api/sessions/?prefix=.&limit=1')).json();
    const rest = await t.call('GET', `/api/sessions/?prefix=.&cursor=${page.cursor}`);
    expect(rest.json().sessions).toMatchObject([{ session_id: '..' }]);
    const events = await listen('.');
    const answer = await t.call('DELETE', '/chat/api/sessions?session_id=.');
    expect([answer.statusCode, answer.json()]).toEqual([200, { success: true, session_id: '.' }]);
    expect(events).toMatchObject([{ event: 'deleted' }]);
    expect(await ids()).toEqual(['..']);
    expect((await t.call('DELETE', '/api/sessions/?session_id=.')).json().code).toBe('session_not_found');
  });

  it.each(['', '?session_id=', '?session_id=a%2Fb', `?session_id=${'x'.repeat(129)}`])(
    'H3: DELETE sessions/%s is refused by name',
    async (query) => {
      const answer = await t.call('DELETE', `/api/sessions/${query}`);
      expect(answer.statusCode).toBe(400);
      expect(answer.json().error).toMatch(/^session_id must be /);
    },
  );
});

describe('DELETE', () => {
  it.each(['/api/sessions/room/delete/', '/api/sessions/room/'])(
    '%s deletes, tells the members, and logs',
    async (url) => {
      await store(t.sessions, 'room', 'hello');
      const events = await listen('room');
      const answer = await t.call('DELETE', url);
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toEqual({ success: true, session_id: 'room' });
      expect(t.lines).toEqual(['INFO: Session deleted from Redis: room']);
      await Promise.resolve();
      expect(events).toMatchObject([{ event: 'deleted' }]);
      expect(await t.sessions.get('room')).toBeUndefined();
      expect((await t.call('DELETE', url)).json().code).toBe('session_not_found');
      expect(t.lines).toHaveLength(1);
    },
  );
});
