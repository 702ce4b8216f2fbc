import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requireNode, whatIsMissing } from './node-modules.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-modules-'));
});
afterEach(() => rm(root, { recursive: true }));

async function packages(wanted: object, installed?: object): Promise<void> {
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: wanted }));
  if (!installed) return;
  await mkdir(join(root, 'node_modules'), { recursive: true });
  await writeFile(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: installed }));
}

describe('whatIsMissing', () => {
  it('finds that nothing was ever installed', async () => {
    await packages({});
    expect(whatIsMissing(root)).toBe('none are there yet');
  });

  it('finds an absent package and one of another version, also inside of a package', async () => {
    await packages({ 'node_modules/ws': { version: '8.0.0' } }, {});
    expect(whatIsMissing(root)).toBe('ws is not the version of package-lock.json');
    await packages(
      { 'libs/a/node_modules/@x/y': { version: '2.0.0' } },
      { 'libs/a/node_modules/@x/y': { version: '1.0.0' } },
    );
    expect(whatIsMissing(root)).toBe('@x/y is not the version of package-lock.json');
  });

  it('is content with what is there, whatever is optional or written with a "v"', async () => {
    await mkdir(join(root, 'node_modules', '@holdfast', 'a'), { recursive: true });
    await packages(
      {
        '': { version: '0.1.0' },
        'libs/a': { version: '0.1.0' },
        'node_modules/ws': { version: '8.0.0' },
        'node_modules/sdk': { version: '0.0.21' },
        'node_modules/only-on-a-mac': { version: '1.0.0', optional: true },
        'node_modules/@holdfast/a': { link: true },
      },
      { 'node_modules/ws': { version: '8.0.0' }, 'node_modules/sdk': { version: 'v0.0.21' } },
    );
    expect(whatIsMissing(root)).toBeUndefined();
  });

  it('finds a package of the workspace that is not linked', async () => {
    await packages({ 'node_modules/@holdfast/new': { link: true } }, {});
    expect(whatIsMissing(root)).toBe('node_modules/@holdfast/new is not linked');
  });
});

describe('requireNode', () => {
  it('says which Node package.json asks for', async () => {
    await writeFile(join(root, 'package.json'), '{"engines":{"node":">=20.12"}}');
    expect(() => requireNode(root, '18.19.0')).toThrow('Holdfast needs Node 20.12 or newer; this is Node 18.19.0.');
    expect(() => requireNode(root, '20.11.1')).toThrow();
    for (const version of ['20.12.0', '22.1.0', '24.0.0']) expect(() => requireNode(root, version)).not.toThrow();
  });

  it('can read what the repository asks for', () => {
    const repository = join(import.meta.dirname, '../..');
    expect(() => requireNode(repository)).not.toThrow();
    expect(() => requireNode(repository, '20.18.3')).toThrow('Holdfast needs Node 20.19 or newer');
  });
});
