import { spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

const PACKAGE = join(REPOSITORY, 'node_modules/uWebSockets.js');

function check(folder: string) {
  const { status, stderr } = spawnSync(process.execPath, [
    join(REPOSITORY, 'services/gateway/bin/check-library.mjs'),
    folder,
  ]);
  return { status, said: stderr.toString() };
}

it('N5: an installation passes with the binaries that are known, and fails with a changed or an unknown one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-binaries-'));
  try {
    const [name = ''] = readdirSync(PACKAGE).filter((file) => file.endsWith('.node'));
    copyFileSync(join(PACKAGE, name), join(folder, name));
    expect(check(folder)).toEqual({ status: 0, said: '' });
    appendFileSync(join(folder, name), 'x');
    expect(check(folder)).toMatchObject({ status: 1, said: expect.stringContaining(name) });
    rmSync(join(folder, name));
    copyFileSync(join(PACKAGE, name), join(folder, 'uws_other.node'));
    expect(check(folder)).toMatchObject({ status: 1, said: expect.stringContaining('uws_other.node') });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('N5: the binaries that are installed are known', () => {
  expect(check(PACKAGE)).toEqual({ status: 0, said: '' });
});
