import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopAll } from '@holdfast/testkit';
import { formatFigure } from '../bench/report.js';
import { runCommand } from '../command-line.js';
import { formatReport } from '../delivery/delivery-report.js';
import { casesTable, problemsOf, type Tree, type TreeRow } from './cases/cases-table.js';
import { runCase } from './cases/run-case.js';
import { type CasesOptions, HOSTILE_HELP, type HourOptions, readHostileOptions } from './hostile-options.js';
import { runHostile } from './run-hostile.js';

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../../../.holdfast/hostile');

/** @returns whether every figure is within its limit */
async function hostile(options: HourOptions | CasesOptions): Promise<boolean> {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  try {
    return await ('cases' in options ? cases(options, stamp) : hour(options, stamp));
  } finally {
    await stopAll();
  }
}

async function hour(options: HourOptions, stamp: string): Promise<boolean> {
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
    console.log(`${name}: ${formatFigure(figure)}${wanted}${atMost !== undefined && value > atMost ? ' MISSED' : ''}`);
  }
  await keep(stamp, { options, ...report });
  return report.figures.every(({ value, atMost }) => atMost === undefined || value <= atMost);
}

/** One case after the other; with another checkout each of them there first, so that both meet the same minutes. */
async function cases({ cases: names, before, ...options }: CasesOptions, stamp: string): Promise<boolean> {
  const trees: readonly Tree[] = before === undefined ? ['now'] : ['before', 'now'];
  const rows: (TreeRow & { problems: readonly string[] })[] = [];
  console.log(`seed ${options.seed}`);
  for (const name of names) {
    for (const tree of trees) {
      const row = await runCase(name, {
        ...options,
        ...(tree === 'before' && before !== undefined && { root: before }),
      });
      const problems = problemsOf(row);
      rows.push({ ...row, tree, problems });
      console.log(`${name}, ${tree}: ${problems.length === 0 ? 'ok' : problems.join('; ')}`);
    }
  }
  console.log(`\n${casesTable(rows)}`);
  await keep(stamp, { options: { ...options, cases: names, before }, rows });
  return rows.every(({ tree, problems }) => tree === 'before' || problems.length === 0);
}

async function keep(stamp: string, report: object): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  const file = join(FOLDER, `${stamp}.json`);
  await writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  console.log(`\nReport: ${file}`);
}

// Without this, a program that is ended early would leave its servers behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void stopAll().finally(() => process.exit(1)));
}
await runCommand({ name: 'hostile', help: HOSTILE_HELP, read: readHostileOptions, run: hostile });
