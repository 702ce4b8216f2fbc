import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOriginAllowed, type PageHeaders, parseOrigin } from './origin.js';

const NONE: PageHeaders = { origin: undefined, host: undefined, forwardedHost: undefined, forwardedProto: undefined };

function passes(headers: Partial<PageHeaders>, allowedOrigins: string[] = [], trustProxy = false): boolean {
  return isOriginAllowed({ ...NONE, host: 'chat.example', ...headers }, { allowedOrigins, trustProxy });
}

describe('an origin', () => {
  it.each([
    ['https://Chat.Example', 'https://chat.example'],
    ['HTTPS://chat.example:443', 'https://chat.example'],
    ['http://chat.example:80', 'http://chat.example'],
    ['http://chat.example:443', 'http://chat.example:443'],
    ['http://[0:0:0:0:0:0:0:1]:8000', 'http://[::1]:8000'],
    ['http://[2001:DB8::00a]', 'http://[2001:db8::a]'],
    ['https://münchen.example', 'https://xn--mnchen-3ya.example'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['Tauri://LocalHost', 'tauri://localhost'],
    ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
  ])('C4: %s is %s', (text, origin) => {
    expect(parseOrigin(text)).toBe(origin);
  });

  it('C4: has the same answer the hundred thousandth time, when the code is compiled', () => {
    const answers = new Set(Array.from({ length: 100_000 }, () => parseOrigin('https://münchen.example')));
    expect([...answers]).toEqual(['https://xn--mnchen-3ya.example']);
  });

  it.each([
    ...[
      'null',
      '',
      'chat.example',
      'https://',
      'https://chat.example/',
      'https://chat.example?x',
      'https:chat.example',
    ],
    ...['https://a@chat.example', 'https://chat.example:99999', 'https://a b', ' https://a', 'https://a\\b', '*'],
    ...[
      'file://chat.example',
      'wss://chat.example',
      'https://[::1',
      'tauri://localhost/',
      'https://a.example,x.example',
    ],
  ])('C4: %j is none', (text) => {
    expect(parseOrigin(text)).toBeUndefined();
  });

  it('C4: is read from any text without an error, and what is read reads as itself', () => {
    const part = fc.constantFrom(
      'http',
      'https',
      'tauri',
      '://',
      ':',
      '/',
      '[',
      ']',
      '::1',
      'A.b',
      '80',
      '%',
      '@',
      '\\',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (any) => {
        const origin = parseOrigin(any);
        if (origin !== undefined) expect(parseOrigin(origin)).toBe(origin);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a page', () => {
  it.each([
    ['https://chat.example', 'chat.example'],
    ['https://chat.example', 'Chat.Example:443'],
    ['http://chat.example', 'chat.example:80'],
    ['http://CHAT.example:8000', 'chat.EXAMPLE:8000'],
    ['http://[::1]:8000', '[0:0:0:0:0:0:0:1]:8000'],
  ])('C4: %s passes at its own host, written %s', (origin, host) => {
    expect(passes({ origin, host })).toBe(true);
  });

  it.each([
    ['http://chat.example', 'chat.example:443'],
    ['https://chat.example', 'chat.example:80'],
    ['https://chat.example', 'chat.example.evil.example'],
    ['tauri://chat.example', 'chat.example'],
    ['https://chat.example', 'chat.example/x'],
    ['https://chat.example', 'x@chat.example'],
    ['https://undefined', undefined],
    ['', 'chat.example'],
  ])('C4: %j does not pass at host %s', (origin, host) => {
    expect(passes({ origin, host })).toBe(false);
  });

  it('C4: without ALLOWED_ORIGINS the host is that of X-Forwarded-Host, its last entry, with TRUST_PROXY only', () => {
    const headers = {
      origin: 'https://chat.example',
      host: 'inner:8100',
      forwardedHost: 'evil.example, Chat.Example:443',
    };
    expect(passes(headers, [], true)).toBe(true);
    expect(passes(headers)).toBe(false);
    expect(passes({ ...headers, origin: 'https://evil.example' }, [], true)).toBe(false);
    expect(passes({ ...headers, forwardedHost: '', host: 'chat.example' }, [], true)).toBe(true);
  });

  it('C4: where X-Forwarded-Proto says https, a page of http does not pass', () => {
    const http = { origin: 'http://chat.example', forwardedProto: 'http, HTTPS' };
    expect(passes(http, [], true)).toBe(false);
    expect(passes(http)).toBe(true);
    expect(passes({ ...http, forwardedProto: 'https,http' }, [], true)).toBe(true);
    expect(passes({ ...http, origin: 'https://chat.example' }, [], true)).toBe(true);
    // TLS ended at a proxy further out.
    expect(passes({ origin: 'https://chat.example', forwardedProto: 'http' }, [], true)).toBe(true);
  });

  it('C4: with ALLOWED_ORIGINS passes in every spelling, also of an app', () => {
    const allowed = ['https://chat.example', 'capacitor://localhost'];
    for (const origin of ['https://CHAT.example:443', 'capacitor://localhost', 'Capacitor://Localhost']) {
      expect(passes({ origin, host: 'other' }, allowed), origin).toBe(true);
    }
    for (const origin of ['http://chat.example', 'ionic://localhost', 'http://localhost', 'null']) {
      expect(passes({ origin, host: 'localhost' }, allowed), origin).toBe(false);
    }
  });
});
