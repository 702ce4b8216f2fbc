import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

describe('the bundle', () => {
  it('weighs less than 6.7 kB gzipped without React', () => {
    const script = fileURLToPath(new URL('../scripts/bundle-size.js', import.meta.url));
    const report = execFileSync(process.execPath, [script], { encoding: 'utf8' });
    const gzipped = Number(/^index: .* (\d+) gzipped$/m.exec(report)?.[1]);
    // The renewal of tokens takes 600 of these bytes: every page of a system with tokens needs it.
    expect(gzipped).toBeLessThan(6_700);
  }, 20_000);
});
