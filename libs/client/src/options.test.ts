import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeSocket } from '../test/harness.js';
import { HoldfastClient, type HoldfastClientOptions, type WebSocketConstructor } from './index.js';
import { randomId, resolveOptions } from './options.js';

const webSocket = FakeSocket as WebSocketConstructor;
const valid: HoldfastClientOptions = { url: 'ws://h/ws/chat/', webSocket };

afterEach(() => vi.unstubAllGlobals());

describe('options', () => {
  it.each([
    [{ url: '/ws/chat/' }, 'url must be'],
    [{ sessionId: 'no spaces' }, 'sessionId must be 1 to 128'],
    [{ sessionId: 'x'.repeat(129) }, 'sessionId must be 1 to 128'],
    [{ sessionId: '.' }, 'and neither . nor ..'],
    [{ sessionId: '..' }, 'and neither . nor ..'],
    [{ client: 'short' }, 'client must be 16 to 64'],
    [{ webSocket: undefined }, 'webSocket is missing'],
  ])('C1, C2: %j is refused by name', (options, message) => {
    vi.stubGlobal('WebSocket', undefined);
    expect(() => new HoldfastClient({ ...valid, ...options })).toThrow(message);
  });

  it.each([
    ['/ws/chat/', 'wss://chat.example/ws/chat/'],
    ['ws/chat/?a=1', 'wss://chat.example/app/ws/chat/?a=1'],
    ['http://other:8000/ws/chat/', 'ws://other:8000/ws/chat/'],
    ['wss://other/ws/chat/', 'wss://other/ws/chat/'],
  ])('reads the address %s in a page', (url, expected) => {
    vi.stubGlobal('location', { href: 'https://chat.example/app/#top' });
    expect(resolveOptions({ ...valid, url }).url.href).toBe(expected);
  });

  it('takes defaults, also for options given as undefined', () => {
    const settings = resolveOptions({ ...valid, backoffBaseMs: undefined, autoReconnect: false });
    expect(settings).toMatchObject({ backoffBaseMs: 1_000, backoffMaxMs: 30_000, autoReconnect: false });
  });

  it('makes up ids of the characters of C2, all different', () => {
    const ids = new Set(Array.from({ length: 100 }, () => randomId(12)));
    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9._~-]{16}$/);
    expect(new HoldfastClient(valid).sessionId).toMatch(/^[A-Za-z0-9._~-]{22}$/);
  });
});
