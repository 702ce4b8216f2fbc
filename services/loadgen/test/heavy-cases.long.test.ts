import { expect, it } from 'vitest';
import { CASES, type CaseName } from '../src/hostile/cases/cases.js';
import type { TreeRow } from '../src/hostile/cases/cases-table.js';
import { hostileReport } from './hostile-report.js';

/** Those that need no large history, which takes long to make, and are no matter of CPU alone. */
const NAMES = ['forged-resumes', 'tail-flood', 'patches', 'silent-connections', 'short-sessions'] as const;
/** What these find wrong does not depend on how fast the machine is. */
const EXACT: readonly CaseName[] = ['tail-flood', 'patches', 'short-sessions'];
const SECONDS = 2;
/** Redis counts as away after this time only, so that other activity of the machine makes nothing pending. */
const REDIS_TIMEOUT_MS = 20_000;
const MEMORY_MAX_BYTES = 400 * 1_048_576;

/** Each case starts a 'redis-server'. Times are printed and not compared: other tests run at the same moment. */
it('G2, V3, B5: beside heavy clients an honest chat loses nothing and is never pending, and memory stays below 400 MB', async () => {
  const options = ['--cases', NAMES.join(','), '--seconds', `${SECONDS}`, '--redis-timeout', `${REDIS_TIMEOUT_MS}`];
  const { rows } = (await hostileReport(...options)) as { rows: readonly TreeRow[] };
  expect(rows.map(({ name }) => name)).toEqual(NAMES);
  for (const { name, honest, costs, wrong } of rows) {
    expect(honest, `${name}: ${wrong.join('; ')}`).toMatchObject({
      ok: true,
      rejected: 0,
      violations: {},
      interruptions: {},
    });
    if (!('harmsRedis' in CASES[name])) expect(honest?.pending, name).toBe(0);
    for (const service of ['gateway', 'session-api'] as const) {
      expect(costs?.[service].peakBytes, `${name}: ${service}`).toBeLessThan(MEMORY_MAX_BYTES);
    }
    if (EXACT.includes(name)) expect(wrong, name).toEqual([]);
  }
}, 300_000);
