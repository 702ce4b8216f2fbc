import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const script = join(import.meta.dirname, '..', '.ci', 'run');

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-ci-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** Runs `.ci/run` with an npm that does what a line of shell says for `test` and another for `test:long`. */
async function ci(daily: string, long: string): Promise<{ code: number; lines: string[] }> {
  const npm = join(dir, 'npm');
  await writeFile(npm, `#!/bin/sh\ncase "$3" in\n  test) ${daily} ;;\n  test:long) ${long} ;;\nesac\n`);
  await chmod(npm, 0o755);
  const env = { ...process.env, PATH: `${dir}${delimiter}${process.env['PATH']}` };
  const { code, stdout } = await run(script, { env }).then(
    (done) => ({ code: 0, stdout: done.stdout }),
    (error: { code: number; stdout: string }) => error,
  );
  return { code, lines: stdout.trimEnd().split('\n') };
}

describe('.ci/run', () => {
  it('adds both results up in its last line', async () => {
    const { code, lines } = await ci('echo "12 passed, 0 failed"', 'echo "more"; echo "30 passed, 0 failed"');
    expect(lines).toEqual(['12 passed, 0 failed', 'more', '30 passed, 0 failed', '42 passed, 0 failed']);
    expect(code).toBe(0);
  });

  it('fails with any failure, and runs the second command all the same', async () => {
    const { code, lines } = await ci('echo "12 passed, 1 failed"; exit 1', 'echo "30 passed, 2 failed"; exit 1');
    expect([code, lines.at(-1)]).toEqual([1, '42 passed, 3 failed']);
  });

  it('counts a command that ends without its result, or fails without a failure, as one', async () => {
    const { code, lines } = await ci('echo "1 passed, 1 failed, sort of"; exit 7', 'echo "5 passed, 0 failed"; exit 1');
    expect([code, lines.at(-1)]).toEqual([1, '5 passed, 2 failed']);
  });

  it('gives no input and says that it is a machine', async () => {
    const { lines } = await ci('read -r line || echo "CI=$CI"; echo "1 passed, 0 failed"', 'echo "0 passed, 0 failed"');
    expect(lines[0]).toBe('CI=true');
  });
});
