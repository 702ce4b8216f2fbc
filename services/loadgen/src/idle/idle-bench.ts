import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { IdleOptions } from './idle-options.js';
import type { IdleState, IdleTask } from './idle-worker.js';

export interface IdleReport {
  readonly connections: number;
  /** From the first attempt to the last welcome, seconds. */
  readonly openedIn: number;
  /** Resident memory of the gateway, bytes. */
  readonly before: number;
  readonly after: number;
  readonly bytesPerConnection: number;
}

/** Well below the 20000 open files of a process. */
const PER_PROCESS = 5_000;
const WORKER = fileURLToPath(new URL('./idle-worker.js', import.meta.url));
const POLL_MS = 200;
/** How long nothing may open before the rest is given up. */
const STALL_MS = 15_000;

/**
 * Opens idle connections and measures what they cost the gateway.
 *
 * @throws Error when connections fail, or the metrics cannot be read
 */
export async function benchIdle(options: IdleOptions, say: (line: string) => void): Promise<IdleReport> {
  const before = await residentBytes(options.metrics);
  const workers = tasks(options).map((task) => new Worker(task));
  try {
    const startedAt = performance.now();
    await allOpen(workers, options.connections, say);
    const openedIn = (performance.now() - startedAt) / 1_000;
    say(`  all open; they stay for ${options.hold} s`);
    await delay(options.hold * 1_000);
    failIfAny(workers);
    const after = await residentBytes(options.metrics);
    const bytesPerConnection = (after - before) / options.connections;
    return { connections: options.connections, openedIn, before, after, bytesPerConnection };
  } finally {
    for (const worker of workers) worker.stop();
  }
}

class Worker {
  state: IdleState = { open: 0, failed: 0, reason: undefined };
  readonly #child: ChildProcess;

  constructor(task: IdleTask) {
    this.#child = fork(WORKER, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (state: IdleState) => {
      this.state = state;
    });
    this.#child.on('exit', (code) => {
      this.state = { open: 0, failed: task.count, reason: `its process ended with ${code}` };
    });
    this.#child.send(task);
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

function tasks({ url, connections, rate, members, persistence }: IdleOptions): IdleTask[] {
  const processes = Math.ceil(connections / PER_PROCESS);
  const run = randomBytes(4).toString('hex');
  const isLocal = new URL(url).hostname === '127.0.0.1';
  return Array.from({ length: processes }, (_, index) => ({
    url,
    count: Math.floor(connections / processes) + (index < connections % processes ? 1 : 0),
    rate: rate / processes,
    sessionPrefix: `idle-${run}-${index}`,
    members,
    persistence,
    localAddress: isLocal ? `127.0.0.${index + 2}` : undefined,
  }));
}

async function allOpen(workers: readonly Worker[], connections: number, say: (line: string) => void): Promise<void> {
  let open = 0;
  let grewAt = performance.now();
  let toldAt = 0;
  while (open < connections) {
    await delay(POLL_MS);
    failIfAny(workers);
    const now = performance.now();
    const sum = workers.reduce((total, { state }) => total + state.open, 0);
    if (sum > open) grewAt = now;
    else if (now - grewAt > STALL_MS) throw new Error(`only ${open} of ${connections} connections opened`);
    open = sum;
    if (now - toldAt < 1_000) continue;
    toldAt = now;
    say(`  ${open} of ${connections} open`);
  }
}

function failIfAny(workers: readonly Worker[]): void {
  const bad = workers.filter(({ state }) => state.failed > 0);
  if (bad.length === 0) return;
  const count = bad.reduce((total, { state }) => total + state.failed, 0);
  throw new Error(`${count} connections failed: ${bad[0]?.state.reason}`);
}

const RESIDENT = /^process_resident_memory_bytes(?:\{[^}]*\})? (\S+)$/m;

async function residentBytes(metrics: string): Promise<number> {
  const answer = await fetch(metrics).catch((error: unknown) => {
    throw new Error(`the gateway's metrics cannot be read at ${metrics}`, { cause: error });
  });
  const [, value] = RESIDENT.exec(await answer.text()) ?? [];
  if (value === undefined) throw new Error(`${metrics} has no process_resident_memory_bytes`);
  return Number(value);
}
