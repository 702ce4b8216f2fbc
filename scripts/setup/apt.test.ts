import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aptInstall, aptUnpack } from './apt.js';

const run = promisify(execFile);

/** A machine whose apt and dpkg are scripts: each call is a line of `calls`. */
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-apt-'));
  await mkdir(join(dir, 'bin'));
  await program(
    'apt-cache',
    'printf "redis-server\\n  Depends: redis-tools\\nredis-tools\\n  Depends: libc6\\n<virtual>\\nlibc6\\n"',
  );
  await program('apt-get', 'case "$*" in *download*) touch redis-server.deb redis-tools.deb ;; esac');
  await program('dpkg', 'printf "libc6:amd64\\tinstall\\nold\\tdeinstall\\n"');
  await program(
    'dpkg-deb',
    'mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu" && printf "#!/bin/sh\\necho real \\$LD_LIBRARY_PATH \\$*\\n" > "$3/usr/bin/redis-server" && chmod +x "$3/usr/bin/redis-server"',
  );
  vi.stubEnv('LD_LIBRARY_PATH', '');
  vi.stubEnv('PATH', `${join(dir, 'bin')}:${process.env['PATH']}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

async function program(name: string, script: string): Promise<void> {
  const path = join(dir, 'bin', name);
  await writeFile(path, `#!/bin/sh\necho "${name} $*" >> ${join(dir, 'calls')}\n${script}\n`);
  await chmod(path, 0o755);
}

const calls = async (): Promise<string[]> => (await readFile(join(dir, 'calls'), 'utf8')).trimEnd().split('\n');

describe('aptUnpack', () => {
  it('downloads what is not installed and makes starters that find the libraries', async () => {
    expect(await aptUnpack(['redis-server'], join(dir, 'programs'))).toBe('');
    expect(await calls()).toContain('apt-get download redis-server redis-tools');
    const root = join(dir, 'programs', 'root');
    const { stdout } = await run(join(dir, 'programs', 'bin', 'redis-server'), ['--port', '1']);
    expect(stdout).toBe(`real ${root}/usr/lib/x86_64-linux-gnu:${root}/usr/lib --port 1\n`);
  });

  it('gets package lists of its own when those of the machine do not do', async () => {
    await program(
      'apt-get',
      'case "$*" in *Dir::State*download*) touch redis-server.deb ;; *download*) echo "E: no source"; exit 100 ;; esac',
    );
    expect(await aptUnpack(['redis-server'], join(dir, 'programs'))).toBe('');
    const lists = join(dir, 'programs', 'lists');
    expect(
      (await calls()).some((call) => call.includes(`Dir::State::lists=${lists}`) && call.endsWith('update -qq')),
    ).toBe(true);
  });

  it('tells why it failed', async () => {
    await program('apt-get', 'echo "E: Unable to fetch"; exit 100');
    expect(await aptUnpack(['redis-server'], join(dir, 'programs'))).toBe('E: Unable to fetch');
  });
});

describe('aptInstall', () => {
  it('starts no daemon and asks nothing', async () => {
    await program('apt-get', 'echo "$RUNLEVEL $DEBIAN_FRONTEND" >> "$0.env"');
    expect(await aptInstall(['haproxy', 'tini'])).toBe('');
    expect(await calls()).toEqual(['apt-get update -qq', 'apt-get install -y --no-install-recommends haproxy tini']);
    expect(await readFile(join(dir, 'bin', 'apt-get.env'), 'utf8')).toBe('1 noninteractive\n1 noninteractive\n');
  });
});
