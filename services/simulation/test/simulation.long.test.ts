import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

it('keeps every promise in 3,000 seeds that nobody has run before', { timeout: 3_600_000 }, async () => {
  const args = [`${REPOSITORY}services/simulation/dist/main.js`, '--from', 'random', '--seeds', '3000'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 }).catch(
    // It ends with 1 when there was a violation. What it printed says which.
    (error: { readonly stdout: string }) => error,
  );
  process.stdout.write(`${stdout.split('\n')[0]}, and the 2,999 after it\n`);
  expect(stdout.trimEnd().split('\n').at(-1), stdout).toBe('3000 seeds, 0 violations');
});
