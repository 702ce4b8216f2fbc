import { readFileSync } from 'node:fs';
import { renderEnvironmentTable } from '@holdfast/config';
import { describe, expect, it } from 'vitest';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('README.md', () => {
  it('has the table of environment variables as the code has it (`npm run docs` writes it)', () => {
    const table = /<!-- environment -->\n\n(.*)\n\n<!-- \/environment -->/s.exec(readme)?.[1];
    expect(table).toBe(renderEnvironmentTable());
  });
});
