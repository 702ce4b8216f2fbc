import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ServiceLog, warningOf } from './service-log.js';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('warningOf', () => {
  it.each([
    ['INFO: Session stored in Redis: my-session, TTL: 3600s', undefined],
    ['WARN: Redis is away', 'WARN: Redis is away'],
    ['ERROR: no', 'ERROR: no'],
    ['{"level":"error","msg":"no","other":1}', 'ERROR: no'],
    ['{"level":"info","msg":"yes"}', undefined],
    ['{"level":"error","msg":"cut of', undefined],
    ['12:M 21 Nov 2026 22:03:01.123 # WARNING Memory overcommit must be enabled! ... may fail', undefined],
    ['12:M 21 Nov 2026 22:03:01.123 # Server initialized', undefined],
    [
      '12:M 21 Nov 2026 22:03:01.123 # Write error saving DB on disk: No space left',
      'Write error saving DB on disk: No space left',
    ],
    ['    at main (file.js:1)', undefined],
  ])('shows of %s: %s', (line, shown) => {
    expect(warningOf(line)).toBe(shown);
  });
});

describe('ServiceLog', () => {
  it('keeps every line, shows warnings, and keeps the file of the start before', () => {
    const path = join(dir, 'logs', 'gateway-1.log');
    const shown: string[] = [];
    const first = new ServiceLog(path, (text) => shown.push(text));
    first.write('INFO: one\nWARN: t');
    first.write('wo\nthree');
    expect(shown).toEqual(['WARN: two']);
    expect(first.tail()).toEqual(['INFO: one', 'WARN: two', 'three']);
    first.close();
    first.write('after its end\n');
    new ServiceLog(path, () => undefined).close();
    expect(readFileSync(`${path}.previous`, 'utf8')).toBe('INFO: one\nWARN: two\nthree');
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('shows ten warnings of a flood, and that there are more', () => {
    const shown: string[] = [];
    const log = new ServiceLog(join(dir, 'flood.log'), (text) => shown.push(text));
    for (let i = 0; i < 1000; i++) log.write(`WARN: ${i}\n`);
    log.close();
    expect(shown).toHaveLength(11);
    expect(shown.at(-1)).toBe('more warnings are in its log');
  });
});
