import { execFile } from 'node:child_process';
import { KEPT_SEEDS, type KeptSeed, MUTATIONS, runSeed, ViolationError } from '@holdfast/simulation';
import { REPOSITORY } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';

/** What `npm run simulate` prints and ends with. */
function simulate(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const command = [`${REPOSITORY}services/simulation/dist/main.js`, ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr });
    });
  });
}

/**
 * Seeds with a session of 18 members, with messages of up to 16,384 bytes, with both: 50 members in a group, and with a
 * second deployment.
 */
const LARGE = [200, 21, 865, 55];

const lastLine = (output: string) => output.trimEnd().split('\n').at(-1);

/** The rule that the first violating seed breaks. */
async function firstViolation(runs: Iterable<Run>, mutation: (typeof MUTATIONS)[number]): Promise<string> {
  for (const { seed, scenario } of runs) {
    try {
      await runSeed(seed, { mutation, faults: mutation.faults, scenario });
    } catch (error) {
      if (!(error instanceof ViolationError)) throw error;
      return error.rule;
    }
  }
  return 'nothing';
}

type Run = Pick<KeptSeed, 'seed' | 'scenario'>;

/** Seeds that were written down were found in the first scenario. */
function* upTo(count: number, before: readonly number[]): Iterable<Run> {
  for (const seed of before) yield { seed, scenario: 1 };
  for (let seed = 1; seed <= count; seed++) yield { seed };
}

describe('the simulation', () => {
  it.each(KEPT_SEEDS)('seed $seed, which once showed: $mistake', async ({ seed, faults, scenario = 1 }) => {
    await expect(runSeed(seed, { faults, scenario })).resolves.toMatchObject({ seed });
  });

  it('repeats a seed exactly, and does something else for another', async () => {
    const hashes = new Set<number>();
    for (const seed of [1, 2, 35, 192, ...LARGE]) {
      const [once, again] = [await runSeed(seed, { trace: true }), await runSeed(seed, { trace: true })];
      expect(once.trace.lines.length).toBeGreaterThan(50);
      expect(again.trace.lines).toEqual(once.trace.lines);
      expect(again.trace.hash()).toBe(once.trace.hash());
      expect(again.events).toBe(once.events);
      hashes.add(once.trace.hash());
    }
    expect(hashes.size).toBe(4 + LARGE.length);
  });

  it('does the same with and without a trace', async () => {
    expect((await runSeed(7)).events).toBe((await runSeed(7, { trace: true })).events);
  });

  it('keeps every promise in 1,000 seeds that nobody has run before', { timeout: 600_000 }, async () => {
    const { code, output } = await simulate(['--seeds', '1000', '--from', 'random']);
    process.stdout.write(`${output.split('\n')[0]}, and the 999 after it\n`);
    expect(lastLine(output), output).toBe('1000 seeds, 0 violations');
    expect(code).toBe(0);
  });

  it('draws its first seed when told to, and HOLDFAST_SEED repeats it', async () => {
    const drawn = ['--seeds', '1', '--from', 'random'];
    expect((await simulate(drawn)).output).toMatch(/^first seed: seed \d+ \(repeat with HOLDFAST_SEED=\d+\)$/m);
    const { code, output } = await simulate([...drawn, '--trace'], { HOLDFAST_SEED: '5' });
    expect([code, output.split('\n')[0]]).toEqual([0, 'first seed: seed 5 (repeat with HOLDFAST_SEED=5)']);
    expect(output).toContain((await simulate(['--seeds', '1', '--from', '5', '--trace'])).output);
  });

  it('says what is wrong with its options', async () => {
    const { code, output } = await simulate(['--seeds', 'many']);
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
