import { type Argument, ArgumentError, describeArguments, readArguments, readNumber } from '../command-line.js';
import { TARGETS, type TargetName } from './targets.js';
import { WORKLOADS, type WorkloadName } from './workloads.js';

export interface BenchOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly workloads: readonly WorkloadName[];
  /** Of each workload those that are named here; absent: all it has. */
  readonly targets?: readonly TargetName[];
  readonly profile: boolean;
}

const ARGUMENTS = {
  rounds: { takes: 'N', meaning: 'rounds, each with every target of every workload (default 3)' },
  seconds: { takes: 'N', meaning: 'how long each is measured (default 5)' },
  'warm-up': { takes: 'N', meaning: 'seconds of load before that (default 4)' },
  workload: {
    takes: 'NAME',
    meaning: `one of ${Object.keys(WORKLOADS).join(', ')}; may be repeated (default all)`,
    multiple: true,
  },
  target: {
    takes: 'NAME',
    meaning: `one of ${Object.keys(TARGETS).join(', ')}; may be repeated (default all)`,
    multiple: true,
  },
  profile: { takes: 'yes|no', meaning: 'leave CPU profiles of the Node servers beside the report (default no)' },
} as const satisfies Record<string, Argument>;

export const BENCH_HELP = `npm run bench -- [ARGUMENTS]

Measures CPU microseconds per delivered message of the gateway and its Redis beside references, in interleaved rounds,
and writes medians and ratios to .holdfast/bench/.

${describeArguments(ARGUMENTS)}
  --help`;

/**
 * @returns nothing when help was asked for
 * @throws ArgumentError naming the argument
 */
export function readBenchOptions(argv: readonly string[]): BenchOptions | undefined {
  const given = readArguments(ARGUMENTS, argv);
  if (given.help) return undefined;
  const number = (name: 'rounds' | 'seconds' | 'warm-up', usual: number): number => {
    const value = readNumber(name, given[name]?.[0] ?? String(usual));
    if (!Number.isInteger(value) || value < 1 || value > 3_600) {
      throw new ArgumentError(`--${name} must be a whole number from 1 to 3600, not ${value}`);
    }
    return value;
  };
  const profile = given.profile?.[0] ?? 'no';
  if (profile !== 'yes' && profile !== 'no') throw new ArgumentError(`--profile must be yes or no, not "${profile}"`);
  const targets = namesOf('target', TARGETS, given.target);
  return {
    rounds: number('rounds', 3),
    seconds: number('seconds', 5),
    warmUpSeconds: number('warm-up', 4),
    workloads: namesOf('workload', WORKLOADS, given.workload) ?? (Object.keys(WORKLOADS) as WorkloadName[]),
    ...(targets && { targets }),
    profile: profile === 'yes',
  };
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
