import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type AdminListener, type AdminListenerOptions, startAdminListener } from './admin-listener.js';

const metrics = { contentType: 'text/plain; version=0.0.4', exposition: async () => 'holdfast_x 1\n' };
const OPEN = { isHostAllowed: () => true };
let listener: AdminListener | undefined;

async function start(options: Partial<AdminListenerOptions> = {}) {
  const readiness = () => ({ ready: true });
  listener = await startAdminListener({ host: '127.0.0.1', port: 0, metrics, readiness, access: OPEN, ...options });
  const base = `http://127.0.0.1:${listener.port}`;
  return (path: string, init?: RequestInit) => fetch(`${base}${path}`, init);
}

afterEach(async () => {
  await listener?.close();
  listener = undefined;
});

describe('startAdminListener', () => {
  it('says that the process is alive', async () => {
    const get = await start({ readiness: () => ({ ready: false }) });
    const response = await get('/healthz');
    expect([response.status, await response.json()]).toEqual([200, { alive: true }]);
  });

  it.each([
    [true, 200],
    [false, 503],
  ])('answers /readyz by whether it can serve (%s: %i), and says why not', async (ready, status) => {
    const get = await start({ readiness: async () => ({ ready, storage: 'memory', draining: !ready }) });
    const response = await get('/readyz?verbose');
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ ready, storage: 'memory', draining: !ready });
  });

  it('is not ready when that cannot be found out', async () => {
    const get = await start({ readiness: () => Promise.reject(new Error('no answer')) });
    const response = await get('/readyz');
    expect([response.status, await response.json()]).toEqual([503, { ready: false, error: 'no answer' }]);
  });

  it('N3: answers no page, whatever it asks for and wherever it comes from', async () => {
    let drains = 0;
    const ask = await start({ onDrain: () => (drains += 1) });
    for (const [path, method] of [
      ['/drain', 'POST'],
      ['/metrics', 'GET'],
      ['/healthz', 'OPTIONS'],
      ['/x', 'PUT'],
    ]) {
      for (const origin of ['http://evil.example', 'null', `http://127.0.0.1:${listener?.port}`]) {
        const answer = await ask(path ?? '', { method: method ?? '', headers: { origin } });
        expect([answer.status, await answer.json()]).toEqual([403, { error: 'pages may not use this port' }]);
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      }
    }
    expect(drains).toBe(0);
  });

  /** The status of a request with these lines, which fetch would not send. */
  async function statusOf(head: string): Promise<number> {
    const socket = connect(listener?.port ?? 0, '127.0.0.1');
    socket.write(`${head}\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return Number(/^HTTP\/1\.1 (\d+)/.exec(first.toString())?.[1]);
  }

  it('N3: answers no other host than its own, and a health check without any', async () => {
    await start({ access: { isHostAllowed: (host) => host === 'own:9100' }, onDrain: () => undefined });
    expect(await statusOf('GET /metrics HTTP/1.1\r\nHost: evil.example')).toBe(403);
    expect(await statusOf('POST /drain HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0')).toBe(403);
    expect(await statusOf('GET /metrics HTTP/1.1\r\nHost: own:9100')).toBe(200);
    expect(await statusOf('GET /readyz HTTP/1.0')).toBe(200);
  });

  it('N3: asks for the token where there is one, of whoever changes something', async () => {
    let drains = 0;
    const token = 'a-token-of-32-characters-or-more';
    const ask = await start({ access: { ...OPEN, token }, onDrain: () => (drains += 1) });
    const drain = (authorization?: string) =>
      ask('/drain', { method: 'POST', headers: authorization === undefined ? {} : { authorization } });
    for (const wrong of [undefined, '', 'Bearer', 'Bearer a', `Bearer ${token}x`, `Basic ${token}`, token]) {
      const { status, headers } = await drain(wrong);
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
    expect(drains).toBe(0);
    expect([(await drain(`Bearer ${token}`)).status, drains]).toEqual([202, 1]);
    for (const path of ['/healthz', '/readyz', '/metrics']) expect((await ask(path)).status).toBe(200);
  });

  it('serves the metrics', async () => {
    const get = await start();
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await response.text()).toBe('holdfast_x 1\n');
    const head = await get('/metrics', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '13', '']);
  });

  it('B3: begins a drain on POST /drain, and only on POST', async () => {
    let drains = 0;
    const onDrain = () => {
      drains += 1;
    };
    const get = await start({ onDrain });
    const refused = await get('/drain');
    expect([refused.status, refused.headers.get('allow'), drains]).toEqual([405, 'POST', 0]);
    const accepted = await get('/drain', { method: 'POST' });
    expect([accepted.status, await accepted.json(), drains]).toEqual([202, { draining: true }, 1]);
  });

  it('has no /drain where there is nothing to drain, and nothing else', async () => {
    const get = await start();
    for (const path of ['/drain', '/', '/metrics/', '/healthz/..', '/%2e%2e']) {
      expect((await get(path, { method: 'POST' })).status, path).toBe(404);
    }
  });

  it('rejects when the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    await expect(start({ port: (other.address() as AddressInfo).port })).rejects.toThrow('EADDRINUSE');
    await new Promise((resolve) => other.close(resolve));
  });

  it('closes although a scraper keeps its connection open', async () => {
    const get = await start();
    await (await get('/healthz')).text();
    await listener?.close();
    await expect(get('/healthz')).rejects.toThrow();
    listener = undefined;
  });
});
