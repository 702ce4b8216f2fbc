import { readFile } from 'node:fs/promises';
import { acceptsConnections, type Child, eventually, startChild, startRedis } from '@holdfast/testkit';

/** What a process has cost since its start, as the operating system tells. */
export interface Usage {
  /** User and system time, microseconds. */
  readonly cpuUs: number;
  readonly residentBytes: number;
}

export interface ServerCommand {
  /** Its name in reports. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Variables besides `PATH`. Nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** The server has started when it listens on this port. */
  readonly port: number;
}

const START_MS = 30_000;
const STOP_MS = 15_000;
/** `sysconf(_SC_CLK_TCK)`, which is the same on every Linux. */
const TICKS_PER_SECOND = 100;
/** Places of user and system time in `/proc/PID/stat`, counted from the field behind the name. */
const UTIME = 11;
const STIME = 12;

/** A server whose CPU and memory are measured. It ends with this process at the latest. */
export class ServerProcess {
  readonly name: string;
  readonly #child: Child;

  constructor(name: string, child: Child) {
    this.name = name;
    this.#child = child;
  }

  /** @throws Error when it ends, or does not listen in time */
  static async start({ name, command, args, env = {}, port }: ServerCommand): Promise<ServerProcess> {
    const { PATH = '' } = process.env;
    const child = await startChild({ name, command, args, env: { PATH, ...env } });
    await eventually(`${name} to listen`, () => child.exit !== undefined || acceptsConnections(port), {
      timeoutMs: START_MS,
    }).catch(async (error: unknown) => {
      await child.kill();
      throw new Error(`${name} did not start:\n${child.log.tail()}`, { cause: error });
    });
    if (child.exit) throw new Error(`${name} ended instead of starting:\n${child.log.tail()}`);
    return new ServerProcess(name, child);
  }

  /** Starts a Redis that keeps nothing on disk. */
  static async startRedis(): Promise<{ server: ServerProcess; url: string }> {
    const redis = await startRedis({ name: 'redis' });
    return { server: new ServerProcess(redis.name, redis.child), url: redis.url };
  }

  /** @throws Error when it has ended */
  async usage(): Promise<Usage> {
    const { pid, exit, log } = this.#child;
    if (exit) throw new Error(`${this.name} has ended:\n${log.tail()}`);
    const [stat = '', status = ''] = await Promise.all(
      ['stat', 'status'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
    );
    return { cpuUs: cpuUsOf(stat), residentBytes: residentBytesOf(status) };
  }

  /** Ends it without a chance to clean up, as a crash does. */
  async kill(): Promise<void> {
    await this.#child.kill();
  }

  /** Ends it with SIGTERM, or kills it if it takes too long. */
  async stop(): Promise<void> {
    this.#child.signal('SIGTERM');
    const killTimer = setTimeout(() => this.#child.signal('SIGKILL'), STOP_MS);
    await this.#child.exited;
    clearTimeout(killTimer);
  }
}

/** @param stat text of `/proc/PID/stat`. The process' name in it may contain spaces and brackets. */
export function cpuUsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[UTIME]) + Number(fields[STIME])) * 1_000_000) / TICKS_PER_SECOND;
}

/** The most that was ever resident. @param status text of `/proc/PID/status` */
export function peakResidentBytesOf(status: string): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}

/** @param status text of `/proc/PID/status` */
export function residentBytesOf(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}
