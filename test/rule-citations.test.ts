import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { citationsIn, faultsOf, mayCite, rulesOf, type TextFile } from './rules.js';

/** These tests speak of rules that do not exist. */
const THIS_TEST = 'test/rule-citations.test.ts';
const NOT_OURS: ReadonlySet<string> = new Set(['.git', '.holdfast', 'coverage', 'dist', 'node_modules']);

function filesIn(folder: string): TextFile[] {
  return readdirSync(join(REPOSITORY, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return NOT_OURS.has(entry.name) ? [] : filesIn(path);
    if (!mayCite(path) || path === THIS_TEST) return [];
    return [{ path, text: readFileSync(join(REPOSITORY, path), 'utf8') }];
  });
}

const isDocument = ({ path }: TextFile): boolean =>
  path === 'libs/protocol/SPEC.md' || /^docs\/design\/[^/]+\.md$/.test(path);

it('every rule is defined once, held by a test and cited; every rule that is cited is defined', () => {
  const files = filesIn('');
  const documents = files.filter(isDocument);
  expect(documents.flatMap(rulesOf).length).toBeGreaterThan(75);
  expect(faultsOf(documents, files)).toEqual([]);
});

describe('what is wrong with', () => {
  const document = { path: 'docs/design/a.md', text: '# A\n\n- **A1** Says so.\n' };
  const source = { path: 'src/a.ts', text: 'const a = 1;\n/** Does so (A1). */\n' };
  const test = { path: 'src/a.test.ts', text: "it('A1: does so', () => {});\n" };
  const faults = (...files: TextFile[]): string[] =>
    faultsOf(
      files.filter(({ path }) => path.startsWith('docs/')),
      files,
    );

  it('rules that are defined, held and cited: nothing', () => {
    expect(faults(document, source, test)).toEqual([]);
  });

  it('a rule that is in no name of a test', () => {
    expect(faults(document, source)).toEqual(["A1 of docs/design/a.md is in no test's name"]);
  });

  it('a rule that nothing cites', () => {
    expect(faults(document)).toEqual([
      'A1 of docs/design/a.md is cited nowhere else',
      "A1 of docs/design/a.md is in no test's name",
    ]);
  });

  it('a rule of a later release: only that nothing cites it', () => {
    const planned = { ...document, text: `${document.text}\n## Not in this release\n\n- **A2** Will say so.\n` };
    const citing = { path: 'README.md', text: 'Later: A2.\n' };
    expect(faults(planned, source, test, citing)).toEqual([]);
    expect(faults(planned, source, test)).toEqual(['A2 of docs/design/a.md is cited nowhere else']);
    const again = { ...planned, text: planned.text.replace('- **A2**', '## Here\n\n- **A2**') };
    expect(faults(again, source, test, citing)).toEqual(["A2 of docs/design/a.md is in no test's name"]);
  });

  it('a rule that is cited and defined nowhere, with file and line', () => {
    const stray = { path: 'src/b.ts', text: '\n\nconst b = 2; // as A3 says\n' };
    expect(faults(document, source, test, stray)).toEqual(['src/b.ts:3 cites A3, which no document defines']);
  });

  it('a rule that two documents define, or one twice', () => {
    const other = { ...document, path: 'docs/design/b.md' };
    expect(faults(document, other, source, test)).toEqual([
      'A1 is defined in docs/design/a.md and in docs/design/b.md',
    ]);
    const twice = { ...document, text: document.text + document.text };
    expect(faults(twice, source, test)).toEqual(['A1 is defined in docs/design/a.md and in docs/design/a.md']);
  });
});

describe('a citation', () => {
  it.each([
    ['a.ts', '// Redis may lose it (F2).', 'F2'],
    ['a.ts', 'const pause = 1; // see D2', 'D2'],
    ['a.ts', ' * Keys of a session (K1–K4), of V10 and *A7*.', 'K1 K4 V10 A7'],
    ['a.tsx', '  {/* told by V9 */}', 'V9'],
    ['a.test.ts', "  it('P2, V2: counts (C6), and W1 too', () => {", 'P2 V2 C6 W1'],
    ['a.test.ts', '  it.each(MANY)("T1: %s", () => {', 'T1'],
    ['a.ts', "    rule: 'R2',", 'R2'],
    ['a.ts', "if (seq < 1) this.#fail('A4', 'is there twice');", 'A4'],
    ['a.lua', "redis.call('DEL', key) -- a tombstone stays (G5)", 'G5'],
    ['a.lua', '--[[\nDeletes session and log (G5).\n]]\nlocal A1 = 1', 'G5'],
    ['a.md', '- **A1** One call, as K6 says: [H3](x.md).', 'K6 H3'],
    ['a.yml', 'expr: up # B3', 'B3'],
    ['a.cfg', '# The front door (B1).', 'B1'],
  ])('is found in %s: %s', (path, text, rules) => {
    expect(citationsIn({ path, text }).map(({ rule }) => rule)).toEqual(rules.split(' '));
  });

  it.each([
    ['a.ts', "const position = { epoch: 'E2', seq: 3 };"],
    ['a.ts', "const text = '\\uE2'; const colour = '#A9C6E2';"],
    ['a.ts', 'const T1 = V2 + C3;'],
    ['a.ts', '// 0xE9, \\xE9, #A1, UTF-8, HTTP/2.A4, B12x, K8s, sha256:F2A9, Q1, I3'],
    ['a.test.ts', "it('is a million bytes: A1', () => {"],
    ['a.lua', "local name = 'A1'"],
    ['a.yml', 'key: A1'],
    ['a.css', '/* A1 */'],
  ])('is not seen in %s: %s', (path, text) => {
    expect(mayCite(path) ? citationsIn({ path, text }) : []).toEqual([]);
  });
});
