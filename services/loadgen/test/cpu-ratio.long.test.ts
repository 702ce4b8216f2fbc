import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

interface Report {
  readonly summaries: readonly {
    readonly target: string;
    readonly cpuRatioTo: Readonly<Record<string, number>>;
    readonly violations: number;
  }[];
}

const RECORDED = new URL('./recorded-ratio.json', import.meta.url);
/** The ratio may rise by this factor before somebody has to look. */
const TOLERANCE = 1.25;
const BENCH = '--rounds 3 --seconds 8 --warm-up 8 --workload chat-4000 --target fire-and-forget --target holdfast';

/**
 * The ratio of two servers in the same minute is compared, because the machine and its other activity affect both
 * alike. The rate is fixed, because at saturation the size of batches depends on how much of a core each process gets.
 * Each of the two has a 'redis-server'.
 */
it('costs no more than a quarter above the recorded CPU per delivery, beside fire and forget', async () => {
  const { workload, ratio } = JSON.parse(await readFile(RECORDED, 'utf8')) as { workload: string; ratio: number };
  const program = `${REPOSITORY}services/loadgen/dist/bench/main.js`;
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...BENCH.split(' ')]);
  const [, file = ''] = /^Report: (.+)$/m.exec(stdout) ?? [];
  const { summaries } = JSON.parse(await readFile(file, 'utf8')) as Report;
  const ours = summaries.find(({ target }) => target === 'holdfast');
  expect(workload).toBe('chat-4000');
  expect(ours?.violations).toBe(0);
  expect(ours?.cpuRatioTo['fire-and-forget']).toBeLessThanOrEqual(ratio * TOLERANCE);
}, 900_000);
