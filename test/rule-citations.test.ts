import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

/** Everything under a folder that may hold tests: what several suites share is called a contract. */
function testFiles(folder: string): string[] {
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : testFiles(path);
    return /(\.test\.tsx?|-contract\.ts)$/.test(entry.name) ? [path] : [];
  });
}

/** The rules that the names of its tests begin with: `P2, V2: …`. */
function citedBy(file: string): string[] {
  const text = readFileSync(join(REPOSITORY, file), 'utf8');
  return [...text.matchAll(/['"`]((?:[A-Z]\d+, )*[A-Z]\d+): /g)].flatMap(([, rules = '']) => rules.split(', '));
}

it('every rule of the wire contract is cited by a test that holds it', () => {
  const spec = readFileSync(join(REPOSITORY, 'libs/protocol/SPEC.md'), 'utf8');
  const rules = [...spec.matchAll(/^- \*\*([A-Z]\d+)\*\*/gm)].map(([, rule = '']) => rule);
  expect(rules.length).toBeGreaterThan(30);
  const cited = new Set(['libs', 'services', 'test'].flatMap(testFiles).flatMap(citedBy));
  expect(rules.filter((rule) => !cited.has(rule))).toEqual([]);
});
