import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

it('keeps every promise in the seeds from 4,001 to 20,000', { timeout: 3_600_000 }, async () => {
  const args = [`${REPOSITORY}services/simulation/dist/main.js`, '--from', '4001', '--seeds', '16000'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 * 1024 });
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('16000 seeds, 0 violations');
});
