import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild, stopAll } from '@holdfast/testkit';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HomeTakenError, lockHome } from './home-lock.js';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'holdfast-home-'));
});
afterEach(() => rmSync(home, { recursive: true }));
afterAll(stopAll);

const file = () => join(home, 'start.pid');

describe('lockHome', () => {
  it('holds the folder until it is given free', () => {
    const free = lockHome(home);
    expect(readFileSync(file(), 'utf8')).toBe(`${process.pid}\n`);
    free();
    expect(existsSync(file())).toBe(false);
  });

  it('refuses a folder that a running system uses, and names both', async () => {
    const other = await startChild({
      name: 'other',
      command: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1e6)'],
    });
    writeFileSync(file(), `${other.pid}\n`);
    expect(() => lockHome(home)).toThrow(HomeTakenError);
    expect(() => lockHome(home)).toThrow(`Process ${other.pid} uses ${home} already.`);
    await other.kill();
    lockHome(home)();
  });

  it('takes no notice of a process that has ended, of another program with its number, or of a spoilt file', async () => {
    const other = await startChild({ name: 'other', command: 'sleep', args: ['1000'] });
    for (const text of ['999999999\n', 'spoilt', '', `${other.pid}\n`]) {
      writeFileSync(file(), text);
      lockHome(home)();
    }
    await other.kill();
  });
});
