import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from './programs.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-programs-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('findProgram', () => {
  it('finds a program by any of its names', async () => {
    expect(findProgram('redis-server', dir)).toBeUndefined();
    await writeFile(join(dir, 'valkey-server'), '#!/bin/sh\n');
    expect(findProgram('redis-server', dir)).toBeUndefined();
    await chmod(join(dir, 'valkey-server'), 0o755);
    expect(findProgram('redis-server', `/nowhere:${dir}`)).toBe(join(dir, 'valkey-server'));
  });

  it('takes no directory of that name, and no link that leads nowhere', async () => {
    await symlink('/nowhere', join(dir, 'haproxy'));
    await mkdir(join(dir, 'tini'));
    expect(findProgram('tini', dir)).toBeUndefined();
    expect(findProgram('haproxy', dir)).toBeUndefined();
  });
});
