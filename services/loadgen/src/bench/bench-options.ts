import { resolve } from 'node:path';
import { type Argument, ArgumentError, describeArguments, readArguments, readNumber } from '../command-line.js';
import { TARGETS, type TargetName } from './targets.js';
import { USUAL_WORKLOADS, WORKLOADS, type WorkloadName } from './workloads.js';

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** How long `churn` takes. */
  readonly minutes: number;
  /** Connections of `idle`, `reconnect` and `churn`. Absent: each workload's own number. */
  readonly connections?: number;
  readonly workloads: readonly WorkloadName[];
  /** Only these targets of each workload. Absent: all of them. */
  readonly targets?: readonly TargetName[];
  /** A built checkout of another state, which is measured beside this one. An absolute path. */
  readonly before?: string;
  /** Whether the servers leave CPU profiles. */
  readonly profile: boolean;
}

const ARGUMENTS = {
  rounds: { takes: 'N', meaning: 'rounds, each with every target of every workload (default 3)' },
  seconds: { takes: 'N', meaning: 'how long each is measured (default 5)' },
  'warm-up': { takes: 'N', meaning: 'seconds of load before that (default 4)' },
  minutes: { takes: 'N', meaning: 'how long churn takes (default 60)' },
  connections: {
    takes: 'N',
    meaning: 'of idle, reconnect and churn (default 19800, 19000 and 1000: a process may have 20000 open files)',
  },
  workload: {
    takes: 'NAME',
    meaning: `one of ${Object.keys(WORKLOADS).join(', ')}; may be repeated (default all but churn)`,
    multiple: true,
  },
  target: {
    takes: 'NAME',
    meaning: `one of ${Object.keys(TARGETS).join(', ')}; may be repeated (default all)`,
    multiple: true,
  },
  before: {
    takes: 'FOLDER',
    meaning: 'a built checkout of another state, which is measured in the same rounds as holdfast-before',
  },
  profile: { takes: 'yes|no', meaning: 'leave CPU profiles of the Node servers beside the report (default no)' },
} as const satisfies Record<string, Argument>;

export const BENCH_HELP = `npm run bench -- [ARGUMENTS]

Measures CPU microseconds per delivered message of the gateway and its Redis beside references, in interleaved rounds;
what an idle connection takes of memory, how fast the members of a gateway that died are back, and, when asked for churn,
whether memory grows. Writes medians and ratios to .holdfast/bench/.

${describeArguments(ARGUMENTS)}
  --help`;

/**
 * @returns nothing when help was asked for
 * @throws ArgumentError naming the argument
 */
export function readBenchOptions(argv: readonly string[]): BenchOptions | undefined {
  const given = readArguments(ARGUMENTS, argv);
  if (given.help) return undefined;
  const number = (name: 'rounds' | 'seconds' | 'warm-up' | 'connections', usual: number): number => {
    const value = readNumber(name, given[name]?.[0] ?? String(usual));
    const most = name === 'connections' ? 1_000_000 : 3_600;
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new ArgumentError(`--${name} must be a whole number from 1 to ${most}, not ${value}`);
    }
    return value;
  };
  const profile = given.profile?.[0] ?? 'no';
  if (profile !== 'yes' && profile !== 'no') throw new ArgumentError(`--profile must be yes or no, not "${profile}"`);
  const targets = namesOf('target', TARGETS, given.target);
  const before = given.before?.[0];
  if (before === undefined && targets?.includes('holdfast-before')) {
    throw new ArgumentError('--target holdfast-before needs --before FOLDER');
  }
  return {
    rounds: number('rounds', 3),
    seconds: number('seconds', 5),
    warmUpSeconds: number('warm-up', 4),
    minutes: minutesOf(given.minutes?.[0]),
    ...(given.connections && { connections: number('connections', 0) }),
    workloads: namesOf('workload', WORKLOADS, given.workload) ?? USUAL_WORKLOADS,
    ...(targets && { targets }),
    ...(before !== undefined && { before: resolve(before) }),
    profile: profile === 'yes',
  };
}

function minutesOf(given: string | undefined): number {
  const value = readNumber('minutes', given ?? '60');
  if (value >= 0.1 && value <= 10_000) return value;
  throw new ArgumentError(`--minutes must be a number from 0.1 to 10000, not ${value}`);
}

function namesOf<Name extends string>(
  argument: string,
  table: Readonly<Record<Name, unknown>>,
  given: readonly string[] | undefined,
): Name[] | undefined {
  return given?.map((name) => {
    if (!Object.hasOwn(table, name)) {
      throw new ArgumentError(`--${argument} must be one of ${Object.keys(table).join(', ')}, not "${name}"`);
    }
    return name as Name;
  });
}
