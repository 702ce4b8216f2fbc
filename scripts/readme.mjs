/** Writes the table of environment variables into README.md, between its markers. A test holds that it is there. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BEGIN = '<!-- environment -->';
const END = '<!-- /environment -->';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-b', 'libs/config'], { cwd: root, stdio: 'inherit' });
const { renderEnvironmentTable } = await import('@holdfast/config');

const file = join(root, 'README.md');
const text = readFileSync(file, 'utf8');
const begin = text.indexOf(BEGIN);
const end = text.indexOf(END);
if (begin < 0 || end < begin) {
  console.error(`README.md must have the lines ${BEGIN} and ${END}: the table goes between them.`);
  process.exit(1);
}
writeFileSync(file, `${text.slice(0, begin + BEGIN.length)}\n\n${renderEnvironmentTable()}\n\n${text.slice(end)}`);
