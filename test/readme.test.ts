import { readFileSync } from 'node:fs';
import { renderEnvironmentTable } from '@holdfast/config';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');

describe('README.md', () => {
  it('has the table of environment variables as the code has it (`npm run docs` writes it)', () => {
    const table = /<!-- environment -->\n\n(.*)\n\n<!-- \/environment -->/s.exec(readme)?.[1];
    expect(table).toBe(renderEnvironmentTable());
  });

  it('recommends the Node that the image runs on', () => {
    const image = /BASE_IMAGE=node:(\d+)-/.exec(read('deploy/Dockerfile'))?.[1];
    expect(/Node\.js (\d+)/.exec(readme)?.[1]).toBe(image);
  });
});
