import { execFile } from 'node:child_process';
import { KEPT_SEEDS, MUTATIONS, runSeed, ViolationError } from '@holdfast/simulation';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';

/** What `npm run simulate` prints and ends with. */
function simulate(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [`${REPOSITORY}services/simulation/dist/main.js`, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}

const lastLine = (output: string) => output.trimEnd().split('\n').at(-1);

/** What the first of these seeds shows that shows anything. */
async function firstViolation(seeds: Iterable<number>, mutation: (typeof MUTATIONS)[number]): Promise<string> {
  for (const seed of seeds) {
    try {
      await runSeed(seed, { mutation, faults: mutation.faults });
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      return error.rule;
    }
  }
  return 'nothing';
}

function* upTo(count: number, before: readonly number[]): Iterable<number> {
  yield* before;
  for (let seed = 1; seed <= count; seed++) yield seed;
}

describe('the simulation', () => {
  it.each(KEPT_SEEDS)('seed $seed, which once showed: $mistake', async ({ seed, faults }) => {
    await expect(runSeed(seed, { faults })).resolves.toMatchObject({ seed });
  });

  it('repeats a seed exactly, and does something else for another', async () => {
    const hashes = new Set<number>();
    for (const seed of [1, 2, 35, 192]) {
      const [once, again] = [await runSeed(seed, { trace: true }), await runSeed(seed, { trace: true })];
      expect(once.trace.lines.length).toBeGreaterThan(50);
      expect(again.trace.lines).toEqual(once.trace.lines);
      expect(again.trace.hash()).toBe(once.trace.hash());
      expect(again.events).toBe(once.events);
      hashes.add(once.trace.hash());
    }
    expect(hashes.size).toBe(4);
  });

  it('does the same with and without a trace', async () => {
    expect((await runSeed(7)).events).toBe((await runSeed(7, { trace: true })).events);
  });

  it('keeps every promise in 10,000 seeds', { timeout: 600_000 }, async () => {
    const { code, output } = await simulate('--seeds', '10000');
    expect(lastLine(output), output).toBe('10000 seeds, 0 violations');
    expect(code).toBe(0);
  });

  it('says what is wrong with its options', async () => {
    const { code, output } = await simulate('--seeds', 'many');
    expect([code, lastLine(output)]).toEqual([1, '--seeds must be a whole number from 1 to 4294967295, not "many"']);
  });
});

describe('the audit of the simulation', () => {
  const broken = MUTATIONS.map((mutation) => [mutation.rule, mutation.name, mutation] as const);

  it.each(broken)('%s: notices within 10,000 seeds when %s', { timeout: 600_000 }, async (_rule, _name, mutation) => {
    expect(await firstViolation(upTo(10_000, mutation.shownBy ?? []), mutation)).not.toBe('nothing');
  });

  it('tells which seed broke which rule, and how it came to it', async () => {
    const mutation = MUTATIONS.find(({ name }) => name === 'the history begins one message late');
    const error: unknown = await runSeed(2, { trace: true, ...(mutation ? { mutation } : {}) }).catch((e) => e);
    expect(error).toBeInstanceOf(ViolationError);
    expect(error).toMatchObject({ seed: 2, rule: 'R1', message: expect.stringContaining('seed 2 violates R1: ') });
    expect((error as ViolationError).trace.lines.at(-1)).toContain('VIOLATION of R1');
  });
});
