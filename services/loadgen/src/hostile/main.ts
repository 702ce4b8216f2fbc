import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drawSeed, stopAll } from '@holdfast/testkit';
import { formatFigure } from '../bench/report.js';
import {
  type Argument,
  ArgumentError,
  describeArguments,
  readArguments,
  readNumber,
  runCommand,
} from '../command-line.js';
import { formatReport } from '../delivery/delivery-report.js';
import { runHostile } from './run-hostile.js';

interface Options {
  readonly minutes: number;
  readonly seed: number;
}

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../../.holdfast/hostile');
const MINUTES_MAX = 1_440;

const ARGUMENTS = {
  minutes: { takes: 'N', meaning: 'how long the attacks are measured (default 60)' },
  seed: { takes: 'N', meaning: 'of the honest chat (default: drawn, and printed)' },
} as const satisfies Record<string, Argument>;

const HELP = `npm run hostile -- [ARGUMENTS]

Attacks a gateway, the API and a Redis of its own while honest members chat: pings, signals and frames of every odd kind,
half-open and unread sockets, unfinished and giant heads, answers that nobody reads, 300 new sessions a second. Before
that the same attacks go on for up to 150 s, so that memory is compared with a process that has seen them. Ends with 0
when an honest message was shown within 100 ms (99 %), nothing was lost or refused, and resident memory is within 10 % of
the beginning; with 1 otherwise; with 2 for a wrong argument. Writes its report to .holdfast/hostile/.

${describeArguments(ARGUMENTS)}
  --help`;

function read(argv: readonly string[]): Options | undefined {
  const given = readArguments(ARGUMENTS, argv);
  if (given.help) return undefined;
  const minutes = readNumber('minutes', given.minutes?.[0] ?? '60');
  if (!(minutes > 0 && minutes <= MINUTES_MAX)) {
    throw new ArgumentError(`--minutes must be more than 0 and at most ${MINUTES_MAX}`);
  }
  const seed = given.seed?.[0];
  return { minutes, seed: seed === undefined ? drawSeed() : readNumber('seed', seed) };
}

/** @returns whether every figure is within its limit */
async function hostile(options: Options): Promise<boolean> {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  try {
    const report = await runHostile({ ...options, tell: (line) => console.log(line) });
    console.log(`\n${formatReport(report.honest)}\n`);
    for (const [name, { done, refused, ended }] of Object.entries(report.attacks)) {
      console.log(`${name}: ${done}, refused ${refused}, seen to be ended ${ended}`);
    }
    console.log(`closes by code: ${JSON.stringify(report.closes)}`);
    console.log('');
    for (const figure of report.figures) {
      const { name, value, atMost, unit } = figure;
      const wanted = atMost === undefined ? '' : `, at most ${atMost} ${unit}`.trimEnd();
      console.log(
        `${name}: ${formatFigure(figure)}${wanted}${atMost !== undefined && value > atMost ? ' MISSED' : ''}`,
      );
    }
    await mkdir(FOLDER, { recursive: true });
    const file = join(FOLDER, `${stamp}.json`);
    await writeFile(file, `${JSON.stringify({ options, ...report }, undefined, 2)}\n`);
    console.log(`\nReport: ${file}`);
    return report.figures.every(({ value, atMost }) => atMost === undefined || value <= atMost);
  } finally {
    await stopAll();
  }
}

// Without this, a program that is ended early would leave its servers behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().finally(() => process.exit(1)));
}
await runCommand({ name: 'hostile', help: HELP, read, run: hostile });
