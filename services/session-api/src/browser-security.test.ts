import { afterEach, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from '../test/app-fixture.js';

let t: TestApp | undefined;
afterEach(() => t?.app.close());

async function appFor(
  allowedOrigins: string[],
  trustProxy = false,
  allowedHosts: 'any' | string[] = 'any',
): Promise<TestApp> {
  t = await testApp({}, { allowedHosts, allowedOrigins, trustProxy });
  return t;
}

async function create(app: TestApp, headers: Record<string, string>) {
  return app.call('POST', '/api/sessions/', undefined, { headers: { host: 'chat.example:8000', ...headers } });
}

describe('Host', () => {
  it('N2: a name that is not served gets 403, for reading too and with an Origin of the same name', async () => {
    const app = await appFor([], false, ['chat.example']);
    const statusOf = async (method: 'GET' | 'POST', host: string, headers: Record<string, string> = {}) => {
      return (await app.call(method, '/api/sessions/', undefined, { headers: { host, ...headers } })).statusCode;
    };
    for (const host of ['evil.example', 'evil.example:8200', '127.0.0.1.evil.example', 'localhost.evil.example']) {
      expect(await statusOf('GET', host), host).toBe(403);
      expect(await statusOf('POST', host, { origin: `http://${host}` }), host).toBe(403);
    }
    for (const host of ['localhost:8200', '127.0.0.1', '127.8.9.1:1', '[::1]:8200', 'my.localhost', 'Chat.Example']) {
      expect(await statusOf('GET', host), host).toBe(200);
    }
    const page = await app.call('GET', '/', undefined, { headers: { host: 'evil.example' } });
    expect([page.statusCode, page.json().code]).toEqual([403, 'forbidden']);
  });

  it('N2: behind a proxy the name that the proxy was asked for is checked, and its own all the same', async () => {
    const app = await appFor([], true, ['chat.example']);
    const statusOf = async (host: string, asked: string) =>
      (await app.call('GET', '/api/sessions/', undefined, { headers: { host, 'x-forwarded-host': asked } })).statusCode;
    expect(await statusOf('127.0.0.1:8200', 'chat.example')).toBe(200);
    expect(await statusOf('127.0.0.1:8200', 'evil.example')).toBe(403);
    expect(await statusOf('evil.example', 'chat.example')).toBe(403);
  });
});

describe('Origin', () => {
  it('no Origin header (not a browser) passes', async () => {
    const answer = await create(await appFor([]), {});
    expect(answer.statusCode).toBe(201);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('by default pages of the same host pass and no others', async () => {
    const app = await appFor([]);
    expect((await create(app, { origin: 'http://chat.example:8000' })).statusCode).toBe(201);
    for (const origin of ['http://chat.example', 'http://evil.example:8000', 'null', '', 'chat.example:8000', 'x']) {
      const answer = await create(app, { origin });
      expect(answer.statusCode, origin).toBe(403);
      expect(answer.json().code).toBe('forbidden');
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
  });

  it('behind a proxy the host is the one it was asked for', async () => {
    const headers = { origin: 'https://chat.public.example', 'x-forwarded-host': 'chat.public.example' };
    expect((await create(await appFor([], true), headers)).statusCode).toBe(201);
    await t?.app.close();
    expect((await create(await appFor([], false), headers)).statusCode).toBe(403);
  });

  it('C4: origins are compared in one spelling, and answered in that of the page', async () => {
    const app = await appFor(['https://a.example', 'capacitor://localhost']);
    for (const origin of ['https://A.example:443', 'capacitor://localhost']) {
      const passed = await create(app, { origin });
      expect([passed.statusCode, passed.headers['access-control-allow-origin']]).toEqual([201, origin]);
    }
    await app.app.close();
    const open = await appFor([], true);
    const headers = { origin: 'http://chat.example:8000', host: 'Chat.Example:8000' };
    expect((await create(open, headers)).statusCode).toBe(201);
    expect((await create(open, { ...headers, 'x-forwarded-proto': 'https' })).statusCode).toBe(403);
    expect((await create(open, { ...headers, 'x-forwarded-host': 'chat.example:8000, b.example' })).statusCode).toBe(
      403,
    );
  });

  it('ALLOWED_ORIGINS names who passes, and lets them read the answer', async () => {
    const app = await appFor(['https://a.example', 'https://b.example']);
    const passed = await create(app, { origin: 'https://b.example' });
    expect(passed.statusCode).toBe(201);
    expect(passed.headers).toMatchObject({ 'access-control-allow-origin': 'https://b.example', vary: 'origin' });
    for (const origin of ['https://c.example', 'http://b.example', 'http://chat.example:8000']) {
      expect((await create(app, { origin })).statusCode, origin).toBe(403);
    }
  });

  it('every method that changes something is checked; 403 comes before 404', async () => {
    const app = await appFor([]);
    for (const [method, url] of [
      ['PATCH', '/api/sessions/nobody/'],
      ['DELETE', '/api/sessions/nobody/'],
      ['POST', '/chat/api/sessions/nobody/extend/'],
      ['POST', '/api/nothing/'],
    ] as const) {
      const answer = await app.call(method, url, undefined, { headers: { origin: 'http://evil.example' } });
      expect(answer.statusCode, url).toBe(403);
    }
  });

  it('reading is not refused, but a page of another origin may not see the answer', async () => {
    const answer = await (await appFor([])).call('GET', '/api/sessions/', undefined, {
      headers: { origin: 'http://evil.example' },
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('a preflight is answered for those who may', async () => {
    const app = await appFor(['https://a.example']);
    const preflight = (origin: string) =>
      app.call('OPTIONS', '/api/sessions/room/', undefined, {
        headers: { origin, 'access-control-request-method': 'PATCH' },
      });
    const passed = await preflight('https://a.example');
    expect(passed.statusCode).toBe(204);
    expect(passed.headers['access-control-allow-methods']).toContain('PATCH');
    const headers = String(passed.headers['access-control-allow-headers']).split(', ');
    const tracing = ['traceparent', 'tracestate', 'baggage', 'sentry-trace'];
    expect(headers).toEqual(['authorization', 'content-type', ...tracing, 'x-requested-with']);
    expect((await preflight('https://evil.example')).statusCode).toBe(403);
  });
});
