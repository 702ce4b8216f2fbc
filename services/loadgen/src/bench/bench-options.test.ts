import { expect, it } from 'vitest';
import { BENCH_HELP, readBenchOptions } from './bench-options.js';
import { USUAL_WORKLOADS } from './workloads.js';

it('runs three rounds of everything but the hour of churn when nothing is said', () => {
  expect(USUAL_WORKLOADS).toEqual(['broadcast', 'chat', 'chat-4000', 'chat-20000', 'pairs', 'idle', 'reconnect']);
  expect(readBenchOptions([])).toEqual({
    rounds: 3,
    seconds: 5,
    warmUpSeconds: 4,
    minutes: 60,
    workloads: USUAL_WORKLOADS,
    profile: false,
  });
});

it('takes everything that the help names', () => {
  const argv =
    '--rounds 1 --seconds 2 --warm-up 3 --minutes 4 --connections 50 --workload chat --workload pairs --target holdfast --before /old --profile yes';
  expect(readBenchOptions(argv.split(' '))).toEqual({
    rounds: 1,
    seconds: 2,
    warmUpSeconds: 3,
    minutes: 4,
    connections: 50,
    workloads: ['chat', 'pairs'],
    targets: ['holdfast'],
    before: '/old',
    profile: true,
  });
  for (const name of argv.match(/--[\w-]+/g) ?? []) expect(BENCH_HELP).toContain(`${name} `);
});

it.each([
  ['--rounds 0', '--rounds must be a whole number from 1 to 3600, not 0'],
  ['--connections 0', '--connections must be a whole number from 1 to 1000000, not 0'],
  ['--minutes 0', '--minutes must be a number from 0.1 to 10000, not 0'],
  ['--workload dance', '--workload must be one of broadcast, chat'],
  ['--target nobody', '--target must be one of raw, fire-and-forget'],
  ['--target holdfast-before', '--target holdfast-before needs --before FOLDER'],
  ['--profile maybe', '--profile must be yes or no, not "maybe"'],
])('names the argument that is wrong: %s', (line, told) => {
  expect(() => readBenchOptions(line.split(' '))).toThrow(told);
});
