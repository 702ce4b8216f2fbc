import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { auditHistories, type BenchAudit } from './audit-histories.js';
import { growthFigures, type MemorySample } from './growth.js';
import { Inspector } from './inspector.js';
import { type LoadProcess, startLoadProcesses } from './load-process.js';
import type { FiguresRun } from './report.js';
import { type Running, TARGETS, type TargetName, type TargetOptions } from './targets.js';
import type { EndedSession } from './worker/messages.js';
import type { ChurnWorkload } from './workloads.js';

export interface ChurnOptions extends TargetOptions {
  readonly minutes: number;
}

/**
 * Seconds that sessions live without activity: long enough that an ended session can still be audited, short enough
 * that Redis forgets it during the run.
 */
const SESSION_TTL = 120;
const SAMPLES = 60;
const SAMPLE_MIN_MS = 1_000;
const SAMPLE_MAX_MS = 20_000;
/** Longer than a gateway keeps a room after its last member has left, which is a minute (F5). */
const LINGER_MS = 65_000;
const ROOMS = /^holdfast_rooms(?:\{[^}]*\})? (\S+)$/m;

/** Lets members and sessions come and go for a while, and measures whether the gateway's memory grows. */
export async function runChurn(
  workload: ChurnWorkload,
  target: TargetName,
  { minutes, ...options }: ChurnOptions,
): Promise<FiguresRun> {
  const running = await TARGETS[target]({ ...options, inspect: true, sessionTtl: SESSION_TTL });
  const workers = startLoadProcesses();
  try {
    if (running.inspectPort === undefined) throw new Error(`the memory of ${target} cannot be inspected`);
    const inspector = await Inspector.connect(running.inspectPort);
    const totalMs = minutes * 60_000;
    const begunMs = performance.now();
    const atSeconds = (): number => (performance.now() - begunMs) / 1_000;
    const take = async (connections: number): Promise<MemorySample> => {
      const { rss, heapUsed, external } = await inspector.usage();
      return {
        atSeconds: atSeconds(),
        resident: rss,
        heap: heapUsed + external,
        connections,
        rooms: await roomsOf(running),
      };
    };
    const empty = await take(0);
    begin(workload, running, workers);
    const audited = new EndedSessionsAudit(running);
    const samples: MemorySample[] = [];
    let counts = { joined: 0, sent: 0 };
    while (performance.now() - begunMs < totalMs) {
      await delay(Math.min(Math.max(totalMs / SAMPLES, SAMPLE_MIN_MS), SAMPLE_MAX_MS));
      const reports = await Promise.all(workers.map((worker) => worker.reportChurn()));
      const sum = (what: 'connected' | 'joined' | 'sent') => reports.reduce((all, report) => all + report[what], 0);
      counts = { joined: sum('joined'), sent: sum('sent') };
      samples.push(await take(sum('connected')));
      for (const { ended } of reports) await audited.add(ended);
    }
    await Promise.all(workers.map((worker) => worker.endChurn()));
    for (const worker of workers) await audited.add((await worker.reportChurn()).ended);
    await delay(Math.min(LINGER_MS, totalMs / 4));
    const left = await take(0);
    inspector.close();
    return {
      figures: [
        { name: 'minutes', unit: '', value: minutes },
        { name: 'connections made', unit: '', value: counts.joined },
        { name: 'at a time', unit: '', value: samples.at(-1)?.connections ?? 0 },
        { name: 'sessions used', unit: '', value: audited.sessions },
        { name: 'messages', unit: '', value: counts.sent },
        ...growthFigures(empty, samples, left),
      ],
      audit: audited.result,
    };
  } finally {
    for (const worker of workers) worker.end();
    await running.stop();
  }
}

function begin(workload: ChurnWorkload, { ports, adapter }: Running, workers: readonly LoadProcess[]): void {
  const run = randomBytes(4).toString('hex');
  const { connections, members, memberSeconds, sessionSeconds, perSecond } = workload;
  for (const [index, worker] of workers.entries()) {
    worker.tell({
      do: 'churn',
      plan: {
        adapter,
        host: '127.0.0.1',
        port: ports[0] ?? 0,
        name: `bench-${run}-${index}`,
        sessions: Math.max(1, Math.round(connections / members / workers.length)),
        members,
        memberSeconds,
        sessionSeconds,
        perSecond: perSecond / workers.length,
      },
    });
  }
}

/** Audits sessions as they end, because Redis forgets them during the run. */
class EndedSessionsAudit {
  /** How many sessions were audited. */
  sessions = 0;
  #messages = 0;
  readonly #violations: string[] = [];
  readonly #running: Running;

  constructor(running: Running) {
    this.#running = running;
  }

  get result(): BenchAudit {
    return { messages: this.#messages, violations: this.#violations };
  }

  async add(ended: readonly EndedSession[]): Promise<void> {
    // Each session is audited alone: its members' numbers are used again in the sessions of other processes.
    for (const { session, members } of ended) {
      const plans = members.map(({ number }) => ({ session, number }));
      const audit = await auditHistories(this.#running.history, plans, members, this.#running.adapter);
      this.sessions += 1;
      this.#messages += audit?.messages ?? 0;
      this.#violations.push(...(audit?.violations ?? []));
    }
  }
}

async function roomsOf({ metrics }: Running): Promise<number> {
  if (metrics === undefined) return 0;
  const [, rooms] = ROOMS.exec(await (await fetch(metrics)).text()) ?? [];
  return Number(rooms ?? 0);
}
