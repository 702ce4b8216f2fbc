import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { REPOSITORY } from '@holdfast/testkit';
import { expect } from 'vitest';

/** Runs the hostile program and prints what it prints. @returns its report, which also stays in a file */
export async function hostileReport(...options: readonly string[]): Promise<unknown> {
  const program = `${REPOSITORY}services/loadgen/dist/hostile/main.js`;
  const child = spawn(process.execPath, [program, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  await once(child, 'close');
  const [, file = ''] = /^Report: (.+)$/m.exec(output) ?? [];
  expect(file, output).not.toBe('');
  return JSON.parse(await readFile(file, 'utf8')) as unknown;
}
