import { fileURLToPath } from 'node:url';
import { type Child, type ChildExit, startChild } from './child.js';
import { eventually } from './deadline.js';
import { freePorts } from './free-port.js';
import type { LineLog } from './line-log.js';

/** The repository's root, with a slash at its end. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

/** How long Redis may be silent before that is an outage: longer than a busy machine keeps it. Milliseconds. */
const PATIENT_REDIS_MS = '10000';

export interface ProcessOptions {
  /** `gateway` stands for `services/gateway/dist/main.js`; anything with a slash is a path from the root. */
  service: string;
  /**
   * Laid over `PATH`, `HOST`, `ADMIN_HOST`, the ports, `LOG_FORMAT=json` and a patient `REDIS_TIMEOUT_MS`. Nothing else
   * is inherited.
   */
  env?: Record<string, string>;
  /** Default: free ones. The same again after a restart. */
  port?: number;
  adminPort?: number;
  /** Default: the service's name. */
  name?: string;
  /** What `/readyz` must say before the start counts: `ready` (200, the default), or `alive` (any answer at all). */
  until?: 'ready' | 'alive';
  timeoutMs?: number;
}

/** A built service as a process of its own, configured by the environment alone. */
export class ServiceProcess {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
  readonly #options: ProcessOptions;
  #child: Child | undefined;

  constructor(options: ProcessOptions, port: number, adminPort: number) {
    this.name = options.name ?? options.service;
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

  /** @throws Error before the first start */
  get child(): Child {
    if (!this.#child) throw new Error(`${this.name} was never started`);
    return this.#child;
  }

  /** What it printed since its last start. */
  get log(): LineLog {
    return this.child.log;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Starts it again after it ended: same ports, same environment; `env` is laid over that. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const { service, until = 'ready', timeoutMs = 60_000 } = this.#options;
    const child = await startChild({
      name: this.name,
      command: process.execPath,
      args: [REPOSITORY + (service.includes('/') ? service : `services/${service}/dist/main.js`)],
      cwd: REPOSITORY,
      env: { ...this.#environment(), ...env },
    });
    this.#child = child;
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

  /** SIGTERM, then waits for its end. */
  stop(timeoutMs?: number): Promise<ChildExit> {
    return this.child.stop('SIGTERM', timeoutMs);
  }

  /** kill -9. */
  kill(): Promise<ChildExit> {
    return this.child.kill();
  }

  pause(): void {
    this.child.pause();
  }

  resume(): void {
    this.child.resume();
  }

  /** What `/readyz` answers now. */
  async readiness(): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(`${this.adminUrl}/readyz`);
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /**
   * The value of a metric of `/metrics`: the sum of every series of that name whose labels include the given ones.
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

/** Starts a built service on free ports of 127.0.0.1 and waits until its `/readyz` says so. */
export async function startProcess(options: ProcessOptions): Promise<ServiceProcess> {
  const [freeOne = 0, freeTwo = 0] = await freePorts(2);
  const service = new ServiceProcess(options, options.port ?? freeOne, options.adminPort ?? freeTwo);
  await service.start();
  return service;
}
