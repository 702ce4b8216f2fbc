import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { drawSeed } from '@holdfast/testkit';
import { type Argument, ArgumentError, describeArguments, readArguments, readNumber } from '../command-line.js';
import { CASES, type CaseName } from './cases/cases.js';

/** The hour: every attack at once, and whether memory grows. */
export interface HourOptions {
  readonly minutes: number;
  readonly seed: number;
}

/** One case after the other, and what each costs the honest chat. */
export interface CasesOptions {
  readonly cases: readonly CaseName[];
  readonly seconds: number;
  /** A built checkout, of which every case is measured first. An absolute path. */
  readonly before?: string;
  readonly redisTimeoutMs: number;
  readonly seed: number;
}

const MINUTES_MAX = 1_440;
const SECONDS_MAX = 3_600;
const REDIS_TIMEOUT_MS = [50, 60_000] as const;
const SEED_MAX = 0xffff_ffff;
/** What the services of a checkout are built to. */
const PROGRAMS = ['services/gateway/dist/main.js', 'services/session-api/dist/main.js'];

const ARGUMENTS = {
  minutes: { takes: 'N', meaning: 'how long the attacks of the hour are measured (default 60)' },
  cases: { takes: 'all|NAME,NAME', meaning: 'measures these heavy cases one by one, in place of the hour' },
  seconds: { takes: 'N', meaning: 'how long each case is measured (default 60)' },
  before: { takes: 'FOLDER', meaning: 'a built checkout of another state, of which each case is measured too' },
  'redis-timeout': {
    takes: 'MS',
    meaning: 'REDIS_TIMEOUT_MS of the servers of a case (default 1000, as of the product); more on a busy machine',
  },
  seed: { takes: 'N', meaning: 'of the honest chat (default: drawn, and printed)' },
} as const satisfies Record<string, Argument>;

const width = Math.max(...Object.keys(CASES).map(({ length }) => length));
const CASE_LINES = Object.entries(CASES).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);

export const HOSTILE_HELP = `npm run hostile -- [ARGUMENTS]

Attacks a gateway, the API and a Redis of its own while honest members chat: pings, signals and frames of every odd kind,
half-open and unread sockets, unfinished and giant heads, answers that nobody reads, 300 new sessions a second. Before
that the same attacks go on for up to 150 s, so that memory is compared with a process that has seen them. Ends with 0
when an honest message was shown within 100 ms (99 %), nothing was lost or refused, and resident memory is within 10 % of
the beginning; with 1 otherwise; with 2 for a wrong argument. Writes its report to .holdfast/hostile/.

With --cases it measures heavy sessions and heavy clients instead, each alone with servers of its own, and prints a table:
how long honest messages took, whether they were pending, refused, lost or doubled, and what memory and CPU was taken.
Ends with 1 when a case of this checkout was not as it must be. The cases:

${CASE_LINES.join('\n')}

${describeArguments(ARGUMENTS)}
  --help`;

/**
 * @returns nothing when help was asked for
 * @throws ArgumentError naming the argument
 */
export function readHostileOptions(argv: readonly string[]): HourOptions | CasesOptions | undefined {
  const given = readArguments(ARGUMENTS, argv);
  if (given.help) return undefined;
  const seed = seedOf(given.seed?.[0]);
  const names = given.cases?.[0];
  if (names === undefined) {
    for (const name of ['seconds', 'before', 'redis-timeout'] as const) {
      if (given[name]) throw new ArgumentError(`--${name} needs --cases`);
    }
    const minutes = readNumber('minutes', given.minutes?.[0] ?? '60');
    if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
      throw new ArgumentError(`--minutes must be more than 0 and at most ${MINUTES_MAX}`);
    }
    return { minutes, seed };
  }
  if (given.minutes) throw new ArgumentError('--minutes is of the hour, and --cases measures cases: use --seconds');
  const seconds = readNumber('seconds', given.seconds?.[0] ?? '60');
  if (!(seconds >= 1 && seconds <= SECONDS_MAX)) {
    throw new ArgumentError(`--seconds must be a number from 1 to ${SECONDS_MAX}, not ${seconds}`);
  }
  const redisTimeoutMs = readNumber('redis-timeout', given['redis-timeout']?.[0] ?? '1000');
  const [least, most] = REDIS_TIMEOUT_MS;
  if (!Number.isInteger(redisTimeoutMs) || redisTimeoutMs < least || redisTimeoutMs > most) {
    throw new ArgumentError(`--redis-timeout must be a whole number from ${least} to ${most}, not ${redisTimeoutMs}`);
  }
  const before = given.before?.[0];
  return {
    cases: casesOf(names),
    seconds,
    redisTimeoutMs,
    seed,
    ...(before !== undefined && { before: builtCheckout(before) }),
  };
}

function seedOf(text: string | undefined): number {
  if (text === undefined) return drawSeed();
  const seed = readNumber('seed', text);
  if (Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX) return seed;
  throw new ArgumentError(`--seed must be a whole number from 0 to ${SEED_MAX}, not ${seed}`);
}

function casesOf(text: string): readonly CaseName[] {
  const all = Object.keys(CASES) as CaseName[];
  if (text === 'all') return all;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!Object.hasOwn(CASES, name))
      throw new ArgumentError(`--cases must be all, or some of ${all.join(', ')}, not "${name}"`);
  }
  // In the order of the table, each once.
  return all.filter((name) => names.includes(name));
}

function builtCheckout(folder: string): string {
  const root = resolve(folder);
  for (const program of PROGRAMS) {
    if (!existsSync(join(root, program))) {
      throw new ArgumentError(`--before must be a built checkout: ${root} has no ${program}`);
    }
  }
  return root;
}
