import { readdirSync } from 'node:fs';
import { announcedRandom, runs } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { runTarget } from './run-target.js';
import { TARGETS } from './targets.js';

describe('every reader', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    '%s: bears its corpus and drawn inputs, and answers rightly',
    async (name, target) => {
      const { seed } = announcedRandom(`fuzz ${name}`);
      const report = await runTarget(target, { seed, runs: runs(500) });
      // Where all inputs fare alike, they end at the first check.
      expect(report.outcomes.size).toBeGreaterThan(1);
    },
  );

  it('has a corpus, and every corpus a reader', () => {
    const files = readdirSync(new URL('../corpus/', import.meta.url));
    expect(files.toSorted()).toEqual(TARGETS.map(({ name }) => `${name}.jsonl`).toSorted());
  });
});
