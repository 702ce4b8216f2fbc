import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadLibrary } from './load-library.js';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-library-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('loadLibrary', () => {
  it('N5: loads the binary that the release knows', () => {
    expect(loadLibrary()).toHaveProperty('App');
  });

  it.each(['', `${'0'.repeat(64)}  uws_${process.platform}_${process.arch}_${process.versions.modules}.node\n`])(
    'N5: refuses another one',
    (known) => {
      expect(() => loadLibrary(undefined, known)).toThrow(/is not the binary that this release knows/);
    },
  );

  it('N5: loads another package where one is named, as it is', () => {
    const standIn = join(folder, 'stand-in.cjs');
    writeFileSync(standIn, "module.exports = { App: 'of the stand-in' };");
    expect(loadLibrary(standIn, '')).toEqual({ App: 'of the stand-in' });
  });

  it('says when a named package is not there', () => {
    expect(() => loadLibrary(join(folder, 'nothing'), '')).toThrow(/nothing cannot be loaded on/);
  });
});
