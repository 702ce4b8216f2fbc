import { expect, it } from 'vitest';
import { CASES } from './cases/cases.js';
import { HOSTILE_HELP, readHostileOptions } from './hostile-options.js';

const EVERY_CASE = Object.keys(CASES);

it('measures an hour when nothing is said, and cases when they are named', () => {
  expect(readHostileOptions(['--seed', '7'])).toEqual({ minutes: 60, seed: 7 });
  expect(readHostileOptions('--cases all --seed 7'.split(' '))).toEqual({
    cases: EVERY_CASE,
    seconds: 60,
    redisTimeoutMs: 1_000,
    seed: 7,
  });
  expect(readHostileOptions(['--help'])).toBeUndefined();
});

it('takes everything that the help names; the named cases come in the order of the table, each once', () => {
  const line = '--cases patches,quiet,patches --seconds 3 --redis-timeout 5000 --seed 7';
  expect(readHostileOptions(line.split(' '))).toEqual({
    cases: ['quiet', 'patches'],
    seconds: 3,
    redisTimeoutMs: 5_000,
    seed: 7,
  });
  for (const name of [...(line.match(/--[\w-]+/g) ?? []), '--before', '--minutes', ...EVERY_CASE]) {
    expect(HOSTILE_HELP).toContain(`${name} `);
  }
});

it.each([
  ['--minutes 0', '--minutes must be more than 0 and at most 1440'],
  ['--minutes 5 --cases all', '--minutes is of the hour, and --cases measures cases: use --seconds'],
  ['--seconds 5', '--seconds needs --cases'],
  ['--before /old', '--before needs --cases'],
  ['--cases all --seconds 0', '--seconds must be a number from 1 to 3600, not 0'],
  ['--cases all --seconds long', '--seconds must be a number, not "long"'],
  ['--cases all --redis-timeout 1', '--redis-timeout must be a whole number from 50 to 60000, not 1'],
  ['--cases all --seed -1', '--seed must be a whole number from 0 to 4294967295, not -1'],
  ['--cases quiet,dance', '--cases must be all, or some of quiet, readers-20'],
  ['--cases all --before /nowhere', '--before must be a built checkout: /nowhere has no services/gateway/dist/main.js'],
])('names the argument that is wrong: %s', (line, told) => {
  const argv = line.replace('--seed -1', '--seed=-1').split(' ');
  expect(() => readHostileOptions(argv)).toThrow(told);
});

it('runs another checkout from its absolute path', () => {
  expect(() => readHostileOptions(['--cases', 'all', '--before', 'nowhere'])).toThrow(/: \/.*nowhere has no/);
});
