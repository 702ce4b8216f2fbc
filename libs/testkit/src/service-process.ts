import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.js';
import { eventually } from './deadline.js';
import { freePorts } from './free-port.js';
import type { LineLog } from './line-log.js';
import { RestartableProcess } from './restartable-process.js';

/** The repository's root, with a slash at its end. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

/** Milliseconds of silence from Redis that count as an outage: more than a busy machine causes. */
const PATIENT_REDIS_MS = '10000';

export interface ProcessOptions {
  /** `gateway` stands for `services/gateway/dist/main.js`. A text with a slash is a path from the root. */
  service: string;
  /** The built checkout whose service runs; its absolute path. Default: this one. */
  root?: string;
  /** Options of Node itself, such as `--max-semi-space-size=64`. */
  nodeArgs?: readonly string[];
  /** Most files and sockets that it may have open, set with `prlimit`. Default: as many as this process. */
  openFiles?: number;
  /**
   * Added to `PATH`, `HOST`, `ADMIN_HOST`, the ports, `LOG_FORMAT=json` and a patient `REDIS_TIMEOUT_MS`, or instead of
   * these. Nothing else is inherited.
   */
  env?: Record<string, string>;
  /** Default: a free port. It stays the same over a restart. */
  port?: number;
  /** As `port`. */
  adminPort?: number;
  /** Default: the service's name. */
  name?: string;
  /** What the start waits for: `/readyz` answers with 200 (`ready`, the default), or answers at all (`alive`). */
  until?: 'ready' | 'alive';
  timeoutMs?: number;
}

/** A built service that runs as a process, configured by its environment alone. */
export class ServiceProcess extends RestartableProcess {
  readonly port: number;
  readonly adminPort: number;
  readonly #options: ProcessOptions;

  constructor(options: ProcessOptions, port: number, adminPort: number) {
    super(options.name ?? options.service);
    this.port = port;
    this.adminPort = adminPort;
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/ws/chat/`;
  }

  get adminUrl(): string {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  /** The lines it printed since its last start. */
  get log(): LineLog {
    return this.child.log;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Starts it, or starts it again, with the same ports and environment. @param env further variables for this start */
  async start(env: Record<string, string> = {}): Promise<void> {
    const { service, root = REPOSITORY, nodeArgs = [], openFiles, until = 'ready', timeoutMs = 60_000 } = this.#options;
    const program = join(root, service.includes('/') ? service : `services/${service}/dist/main.js`);
    const node = [process.execPath, ...nodeArgs, program];
    // `prlimit` becomes the program that it starts, so that the process keeps its id.
    const [command = '', ...args] =
      openFiles === undefined ? node : ['prlimit', `--nofile=${openFiles}:${openFiles}`, ...node];
    const child = await startChild({
      name: this.name,
      command,
      args,
      cwd: root,
      env: { ...this.#environment(), ...env },
    });
    this.startedAs(child);
    await eventually(
      `${this.name} to be ${until}`,
      async () => {
        if (child.exit) return true;
        const { status } = await fetch(`${this.adminUrl}/readyz`, { signal: AbortSignal.timeout(2_000) });
        return until === 'alive' || status === 200;
      },
      { timeoutMs },
    ).catch((error: unknown) => {
      throw new Error(`${this.name} did not start:\n${child.log.tail()}`, { cause: error });
    });
    if (child.exit) throw new Error(`${this.name} ended instead of starting:\n${child.log.tail()}`);
  }

  /** Seconds of CPU that it takes in one second. Linux only. */
  async cpuPerSecond(): Promise<number> {
    const [before, fromMs] = [await this.#cpuSeconds(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return ((await this.#cpuSeconds()) - before) / ((performance.now() - fromMs) / 1_000);
  }

  async #cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, 'utf8');
    // Behind the name, which may hold anything: the 12th and the 13th field, in hundredths.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** The current answer of `/readyz`. */
  async readiness(): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`${this.adminUrl}/readyz`);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /**
   * Reads a metric from `/metrics`: the sum of all its series that have the given labels.
   *
   * @returns nothing when there is no such series
   */
  async metric(name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum: number | undefined;
    for (const line of text.split('\n')) {
      if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
      if (!wanted.every((label) => line.includes(label))) continue;
      sum = (sum ?? 0) + Number(line.slice(line.lastIndexOf(' ') + 1));
    }
    return sum;
  }

  #environment(): Record<string, string> {
    return {
      PATH: process.env['PATH'] ?? '',
      HOST: '127.0.0.1',
      PORT: String(this.port),
      ADMIN_HOST: '127.0.0.1',
      ADMIN_PORT: String(this.adminPort),
      LOG_FORMAT: 'json',
      REDIS_TIMEOUT_MS: PATIENT_REDIS_MS,
      ...this.#options.env,
    };
  }
}

/** Starts a built service on 127.0.0.1 and waits for its `/readyz`, see {@link ProcessOptions.until}. */
export async function startProcess(options: ProcessOptions): Promise<ServiceProcess> {
  const [freeOne = 0, freeTwo = 0] = await freePorts(2);
  const service = new ServiceProcess(options, options.port ?? freeOne, options.adminPort ?? freeTwo);
  await service.start();
  return service;
}
