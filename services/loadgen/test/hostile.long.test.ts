import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { REPOSITORY } from '@holdfast/testkit';
import { expect, it } from 'vitest';

interface Report {
  readonly figures: readonly { readonly name: string; readonly value: number; readonly atMost?: number }[];
  readonly honest: { readonly ok: boolean; readonly accepted: number };
}

const MINUTES = 10;
/** The only figure that the speed of the machine decides: it is printed. The program itself ends with 1 for it. */
const OF_THE_MACHINE = 'honest p99';

/** The program starts a 'redis-server' of its own. */
it(
  'F6, V24, H5: ten hostile minutes cost no memory, and honest members neither a message nor a connection',
  async () => {
    const program = `${REPOSITORY}services/loadgen/dist/hostile/main.js`;
    const child = spawn(process.execPath, [program, '--minutes', String(MINUTES)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      process.stdout.write(text);
    });
    await once(child, 'close');
    const [, file = ''] = /^Report: (.+)$/m.exec(output) ?? [];
    expect(file, output).not.toBe('');
    const { figures, honest } = JSON.parse(await readFile(file, 'utf8')) as Report;
    expect(honest.ok).toBe(true);
    expect(honest.accepted).toBeGreaterThan(0);
    const missed = figures.filter(({ value, atMost }) => atMost !== undefined && value > atMost);
    expect(missed.filter(({ name }) => name !== OF_THE_MACHINE)).toEqual([]);
  },
  (MINUTES + 10) * 60_000,
);
