import { expect, it } from 'vitest';
import type { DeliveryReport } from '../../delivery/delivery-report.js';
import { casesTable, problemsOf } from './cases-table.js';
import type { CaseRow } from './run-case.js';

const HONEST: DeliveryReport = {
  ok: true,
  seed: 1,
  sessions: 6,
  members: 24,
  gateways: 1,
  seconds: 60,
  sent: 3_000,
  accepted: 3_000,
  rejected: 0,
  shown: 12_000,
  pending: 0,
  disconnects: { cut: 0, close: 0, switch: 0, reload: 0 },
  interruptions: {},
  resets: 0,
  accepting: { count: 1, p50: 1, p95: 1, p99: 1, max: 1 },
  showing: { count: 1, p50: 2.04, p95: 4, p99: 99, max: 1_234 },
  violations: {},
  examples: [],
};
const MB = 1_048_576;
const cost = (megabytes: number) => ({ peakBytes: megabytes * MB, cores: 0.25 });
const COSTS = { gateway: cost(399), 'session-api': cost(100), redis: cost(900), load: cost(50) };
const GOOD: CaseRow = { name: 'patches', honest: HONEST, costs: COSTS, note: '90 small 200', wrong: [] };
const BAD: CaseRow = {
  name: 'patches',
  honest: {
    ...HONEST,
    pending: 4,
    rejected: 1,
    interruptions: { '1006': 2 },
    showing: { ...HONEST.showing, p99: 250 },
    violations: { lost: 3, shown_twice: 5, wrong_number: 7 },
  },
  costs: { ...COSTS, gateway: cost(850) },
  note: '',
  wrong: ['503 although\nRedis | was there'],
};

it('finds nothing wrong with a case that keeps every limit', () => {
  expect(problemsOf(GOOD)).toEqual([]);
});

it('names everything that is not as it must be', () => {
  expect(problemsOf(BAD)).toEqual([
    '503 although\nRedis | was there',
    'honest p99: 250 ms, at most 100 ms',
    'honest messages pending: 4, at most 0',
    'honest messages refused: 1, at most 0',
    'honest messages lost: 3',
    'honest messages shown_twice: 5',
    'honest messages wrong_number: 7',
    'honest connections lost: 2 (1006)',
    'gateway memory: 850 MB, at most 400 MB',
  ]);
});

it('expects honest messages to wait and to be pending where Redis itself is halted or emptied, and nothing else', () => {
  expect(problemsOf({ ...BAD, name: 'outage-flood', wrong: [] }).slice(0, 2)).toEqual([
    'honest messages refused: 1, at most 0',
    'honest messages lost: 3',
  ]);
});

it('is a row of Markdown for each checkout, with what is missed in bold and what was not measured as a question', () => {
  const failed: CaseRow = { name: 'quiet', note: '', wrong: ['gateway did not start'] };
  const [, , ...rows] = casesTable([
    { ...BAD, tree: 'before' },
    { ...GOOD, tree: 'now' },
    { ...failed, tree: 'now' },
  ]).split('\n');
  expect(rows).toEqual([
    '| patches | before | **2.0 / 250 / 1,234** | **4** | **1 / 3 / 5 (and 7 other violations)** | **850** | 100 | 900 | ' +
      '0.25, 0.25, 0.25, 0.25 | **503 although Redis \\| was there**; **2 honest connections lost (1006)** |',
    '| patches | now | 2.0 / 99 / 1,234 | 0 | 0 / 0 / 0 | 399 | 100 | 900 | 0.25, 0.25, 0.25, 0.25 | 90 small 200 |',
    '| quiet | now | ? | ? | ? | ? | ? | ? | ? | **gateway did not start** |',
  ]);
});
