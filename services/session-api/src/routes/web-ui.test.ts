import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApp, testApp } from '../../test/app-fixture.js';

const HTML = { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } };

describe('web UI', () => {
  let t: TestApp;
  let folder: string;
  let webRoot: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-web-'));
    webRoot = join(folder, 'page');
    await mkdir(webRoot);
    await writeFile(join(folder, 'secret.txt'), 'SECRET=2');
    await mkdir(join(webRoot, 'assets'));
    await writeFile(join(webRoot, 'index.html'), '<title>WebSocket Chat</title>');
    await writeFile(join(webRoot, 'assets', 'index-4f3a.js'), 'export {};');
    await writeFile(join(webRoot, '.env'), 'SECRET=1');
    await writeFile(join(webRoot, 'favicon.svg'), '<svg/>');
    t = await testApp({ webRoot });
  });
  afterAll(async () => {
    await t.app.close();
    await rm(folder, { recursive: true });
  });

  it('H1: the page is at /, and asked for again each time', async () => {
    const answer = await t.call('GET', '/', undefined, HTML);
    expect(answer.statusCode).toBe(200);
    expect(answer.body).toContain('WebSocket Chat');
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.headers['cache-control']).toBe('no-cache');
    expect(answer.headers['content-security-policy']).toContain("style-src 'self' 'unsafe-inline'");
    const again = await t.call('GET', '/', undefined, { headers: { 'if-none-match': String(answer.headers.etag) } });
    expect(again.statusCode).toBe(304);
  });

  it('assets are kept for ever, other files are not', async () => {
    const asset = await t.call('GET', '/assets/index-4f3a.js');
    expect(asset.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(asset.headers['content-type']).toContain('javascript');
    expect((await t.call('GET', '/favicon.svg')).headers['cache-control']).toBe('no-cache');
  });

  it('a path of the single-page app is the page', async () => {
    for (const url of ['/settings', '/sessions/room', '/index.html']) {
      expect((await t.call('GET', url, undefined, HTML)).body, url).toContain('WebSocket Chat');
    }
  });

  it('what does not exist is 404, and API paths are never the page', async () => {
    for (const url of [
      '/assets/gone.js',
      '/.env',
      '/..%2f..%2fpackage.json',
      '/api/nothing',
      '/chat/api/nothing',
      '/ws/chat/',
      '/assets',
    ]) {
      const answer = await t.call('GET', url, undefined, url === '/assets' ? {} : HTML);
      expect([400, 404], url).toContain(answer.statusCode);
      expect(answer.json().success, url).toBe(false);
      expect(answer.headers['cache-control'], url).toBe('no-store');
    }
  });

  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/..%255c..%252fsecret.txt',
    '/....//secret.txt',
    '/assets/..;/..;/secret.txt',
    '/%c0%ae%c0%ae/secret.txt',
    '/secret.txt%00.html',
    '/%00../secret.txt',
    '//secret.txt',
    'http://localhost/../secret.txt',
    '/api/../secret.txt',
    '/chat/api/sessions/..%2f..%2f..%2fsecret.txt/',
    '/.env',
    '/%2eenv',
    '/assets/../.env',
  ])('H1, N1: %s leads to no file beside or above the page, nor to a hidden one', async (url) => {
    const answer = await t.call('GET', url, undefined, HTML);
    expect(answer.body).not.toContain('SECRET');
    expect(answer.statusCode).not.toBe(500);
  });

  it('H3: a wrong method on a known path is 405 also where files are served', async () => {
    expect((await t.call('GET', '/api/broadcast/', undefined, HTML)).statusCode).toBe(405);
    expect((await t.call('POST', '/', {})).statusCode).toBe(404);
  });

  it('without a built UI the API works and / is 404', async () => {
    const bare = await testApp({ webRoot: join(webRoot, 'assets') });
    expect((await bare.call('GET', '/', undefined, HTML)).statusCode).toBe(404);
    expect((await bare.call('GET', '/api/sessions/')).statusCode).toBe(200);
    await bare.app.close();
  });
});
