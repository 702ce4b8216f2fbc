import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HoldfastClient } from './index.js';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const readme = read('../README.md');

/** The words in back quotes in the first column of the table with this header. */
function documented(header: string): string[] {
  const [, rows = ''] = readme.split(`| ${header} |`);
  const cells = [...(rows.split('\n\n')[0] ?? '').matchAll(/^\| (`.*?) \|/gm)];
  return cells.flatMap(([, cell = '']) => [...cell.matchAll(/`(\w+)/g)].map(([, name = '']) => name));
}

/** The fields of an interface, by its source. */
function fieldsOf(file: string, name: string): string[] {
  const [, body = ''] = new RegExp(`export interface ${name} {\n(.*?)\n}`, 's').exec(read(file)) ?? [];
  return [...body.matchAll(/^ {2}(\w+)\??: /gm)].map(([, field = '']) => field);
}

describe('README.md', () => {
  it('has every option', () => {
    expect(documented('option').toSorted()).toEqual(fieldsOf('options.ts', 'HoldfastClientOptions').toSorted());
  });

  it('has every event', () => {
    expect(documented('event').toSorted()).toEqual(fieldsOf('events.ts', 'ClientEvents').toSorted());
  });

  it('has every member of the client', () => {
    const members = Object.getOwnPropertyNames(HoldfastClient.prototype).filter((name) => name !== 'constructor');
    expect(documented('member of `HoldfastClient`')).toEqual(expect.arrayContaining(members));
  });
});
