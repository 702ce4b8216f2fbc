import { describe, expect, it } from 'vitest';
import { unpublishedReporter } from './unpublished-reporter.js';

describe('what Redis stores and refuses to publish', () => {
  it('A1: is counted each time and logged once a minute, with what Redis said', () => {
    let nowMs = 5;
    const kinds: string[] = [];
    const lines: unknown[] = [];
    const log = { error: (...line: unknown[]) => lines.push(line) };
    const report = unpublishedReporter(log as never, { failed: (kind) => kinds.push(kind) }, () => nowMs);
    report('first');
    nowMs += 59_999;
    report('second');
    expect(lines).toEqual([[{ reason: 'first' }, expect.stringContaining('refuses to publish')]]);
    nowMs += 1;
    report('third');
    expect(kinds).toEqual(['unpublished', 'unpublished', 'unpublished']);
    expect(lines).toHaveLength(2);
  });
});
