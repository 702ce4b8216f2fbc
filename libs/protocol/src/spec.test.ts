import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLOSE, shouldReconnect } from './close-codes.js';
import { HTTP_ERRORS, httpFailure } from './http.js';
import * as limits from './limits.js';
import type { ErrorCode } from './server-frames.js';

const SPEC = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');

/** The cells of the table with this header row, without back quotes. */
function table(...header: string[]): string[][] {
  const lines = SPEC.split('\n').map((line) => line.trim().replaceAll(/ +/g, ' '));
  const at = lines.findIndex((line) => line.startsWith(`| ${header.join(' | ')} |`));
  if (at < 0) throw new Error(`SPEC.md has no table ${header.join(', ')}`);
  const rows: string[][] = [];
  for (const line of lines.slice(at + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  }
  return rows;
}

describe('SPEC.md', () => {
  it('close codes: the table and the code are the same', () => {
    const documented = table('code', 'name', 'reason', 'reconnect');
    const coded = Object.entries(CLOSE).map(([name, { code, reason }]) => {
      return [String(code), name, reason, shouldReconnect(code) ? 'yes' : 'no'];
    });
    expect(documented).toEqual(coded);
  });

  it('close codes: a client reconnects after codes that are not in the table', () => {
    for (const code of [1000, 1005, 1006, 1011, 4999]) expect(shouldReconnect(code)).toBe(true);
  });

  it('close codes: no reconnect after 1008, 4401, 4403, 4404 and only these', () => {
    const final = Object.values(CLOSE).flatMap(({ code }) => (shouldReconnect(code) ? [] : [code]));
    expect(final).toEqual([1008, 4401, 4403, 4404]);
  });

  it('close codes: a reason fits into a close frame', () => {
    for (const { reason } of Object.values(CLOSE)) expect(limits.utf8Length(reason)).toBeLessThanOrEqual(123);
  });

  it('H3: the table of HTTP errors and the code are the same', () => {
    const documented = table('status', 'code', 'when').map(([status, code]) => [code, Number(status)]);
    expect(documented).toEqual(Object.entries(HTTP_ERRORS));
  });

  it('H3: a failure has these fields and the session id only where there is one', () => {
    expect(httpFailure('not_found', 'nothing here')).toEqual({
      success: false,
      error: 'nothing here',
      code: 'not_found',
    });
    expect(httpFailure('session_not_found', 'no such session', 'room')).toEqual({
      success: false,
      error: 'no such session',
      code: 'session_not_found',
      session_id: 'room',
    });
  });

  it('V11: every error code is documented', () => {
    const documented = table('code', 'meaning').map(([code]) => code);
    // The keys of a record of all codes: the compiler refuses one that is missing or new.
    const coded: Record<ErrorCode, true> = {
      invalid_frame: true,
      empty_message: true,
      message_too_large: true,
      rate_limited: true,
      forbidden: true,
      unauthorized: true,
      not_stored: true,
      id_conflict: true,
      overloaded: true,
    };
    expect(documented).toEqual(Object.keys(coded));
  });

  it('names every rule once', () => {
    const rules = [...SPEC.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map((match) => match[1]);
    const series = (letter: string, from: number, to: number) => {
      return Array.from({ length: to - from + 1 }, (_, i) => `${letter}${from + i}`);
    };
    expect(rules).toEqual([
      ...series('C', 1, 9),
      ...series('S', 1, 3),
      ...series('P', 1, 5),
      ...series('V', 1, 11),
      ...series('V', 20, 24),
      ...series('R', 1, 3),
      ...series('H', 1, 7),
    ]);
  });

  it('states the limits the code has', () => {
    for (const [rule, text] of [
      ['C2', `1 to ${limits.SESSION_ID_MAX_LENGTH} of the characters`],
      ['H5', `${limits.HEAD_MAX_BYTES} bytes and`],
      ['H5', `${limits.HEAD_MAX_LINES} header lines`],
      ['H5', `${limits.HEAD_MAX_BYTES + limits.HEAD_PROXY_BYTES} bytes`],
      ['C1', `${limits.CLIENT_SECRET_MIN_LENGTH} to ${limits.CLIENT_SECRET_MAX_LENGTH} characters`],
      ['C6', `(${limits.DEFAULT_MESSAGE_MAX_BYTES} unless configured)`],
      ['C6', `at most ${limits.FRAME_BYTES_FACTOR} times the limit`],
      ['V20', `1 to ${limits.SEND_ID_MAX_LENGTH} characters of C2`],
      ['V21', `at most ${limits.SIGNAL_MAX_BYTES} bytes`],
      ['H', `${limits.SESSION_DATA_MAX_BYTES} bytes of JSON, nested at most ${limits.SESSION_DATA_MAX_DEPTH} levels`],
    ] as const) {
      expect(SPEC.replaceAll(/\s+/g, ' '), rule).toContain(text);
    }
    expect(SPEC).toContain('Ten of them within a minute');
    expect([limits.INVALID_FRAME_LIMIT, limits.INVALID_FRAME_WINDOW_MS]).toEqual([10, 60_000]);
  });
});
