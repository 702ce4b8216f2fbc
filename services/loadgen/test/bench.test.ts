import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

interface Report {
  readonly figures: readonly {
    readonly workload: string;
    readonly target: string;
    readonly figures: readonly { readonly name: string; readonly value: number }[];
    readonly violations: number;
  }[];
}

/**
 * Runs the benchmark with few connections.
 *
 * @returns the figures of each target by name, and the number of violations
 */
async function bench(line: string) {
  const program = `${REPOSITORY}services/loadgen/dist/bench/main.js`;
  const args = `--rounds 1 --seconds 1 --warm-up 1 ${line}`.split(' ');
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  const [, file = ''] = /^Report: (.+)$/m.exec(stdout) ?? [];
  const { figures } = JSON.parse(await readFile(file, 'utf8')) as Report;
  await rm(file);
  return figures.map(({ target, violations, figures }) => ({
    target,
    violations,
    of: Object.fromEntries(figures.map(({ name, value }) => [name, value])),
  }));
}

// Each run starts a 'redis-server'.
it('R1, B5: brings the members of a gateway that was killed back at another one, with nothing lost', async () => {
  const [run] = await bench('--workload reconnect --connections 200');
  expect(run).toMatchObject({ violations: 0, of: { 'members that moved': 200, 'not resumed': 0 } });
  expect(run?.of['all resumed after']).toBeLessThan(10);
});

it('tells what idle connections take, and that each of them is there', async () => {
  const [run] = await bench('--workload idle --connections 100 --target holdfast');
  expect(run).toMatchObject({ target: 'holdfast', violations: 0, of: { connections: 100 } });
  expect(run?.of['resident before']).toBeGreaterThan(10);
});

it('lets members and sessions come and go, and tells what is held before, meanwhile and after', async () => {
  const [run] = await bench('--workload churn --connections 20 --minutes 0.1');
  expect(run).toMatchObject({ violations: 0, of: { minutes: 0.1 } });
  expect(run?.of['connections made']).toBeGreaterThan(0);
  expect(run?.of['heap, when all had gone']).toBeGreaterThan(1);
});
