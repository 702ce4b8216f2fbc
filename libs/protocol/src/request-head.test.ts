import { describe, expect, it } from 'vitest';
import { HEAD_MAX_BYTES, HEAD_MAX_LINES } from './limits.js';
import { RequestHead } from './request-head.js';

/** A head on the wire, and as {@link RequestHead} counts it. */
function counted(method: string, target: string, lines: readonly (readonly [string, string])[]) {
  const head = new RequestHead(method, target);
  for (const [name, value] of lines) head.add(name, value);
  const text = `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return { bytes: text.length, excess: head.excess };
}

describe('RequestHead', () => {
  it('H5: takes exactly 16384 bytes, and not one more', () => {
    const head = (value: string) =>
      counted('GET', '/api/sessions/?limit=5', [
        ['Host', 'x'],
        ['Cookie', value],
      ]);
    const room = HEAD_MAX_BYTES - head('').bytes;
    expect(head('c'.repeat(room))).toEqual({ bytes: HEAD_MAX_BYTES, excess: undefined });
    expect(head('c'.repeat(room + 1)).excess).toBe('request line and headers have at most 16384 bytes');
  });

  it('H5: takes 90 lines, and not one more', () => {
    const lines = Array.from({ length: HEAD_MAX_LINES }, (_, n) => [`X-${n}`, '1'] as const);
    expect(counted('GET', '/', lines).excess).toBeUndefined();
    expect(counted('GET', '/', [...lines, ['X', '1']]).excess).toBe('a request has at most 90 header lines');
  });

  it('H5: does not count what proxies add, in any spelling', () => {
    const lines = Array.from({ length: HEAD_MAX_LINES }, (_, n) => [`X-${n}`, '1'] as const);
    const added = [
      ['X-Forwarded-For', 'f'.repeat(HEAD_MAX_BYTES)],
      ['connection', 'Keep-Alive'],
    ] as const;
    expect(counted('GET', '/', [...lines, ...added]).excess).toBeUndefined();
    expect(counted('GET', '/', [...lines, ['Connection', 'Upgrade']]).excess).toContain('90');
  });
});
