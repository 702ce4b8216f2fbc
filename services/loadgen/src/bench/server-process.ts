import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What a process has cost so far, as the operating system tells. */
export interface Usage {
  /** User and system, microseconds. */
  readonly cpuUs: number;
  readonly residentBytes: number;
}

export interface ServerCommand {
  /** As reports name it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It is up when it listens there. */
  readonly port: number;
}

const START_MS = 30_000;
const STOP_MS = 15_000;
const POLL_MS = 50;
/** `sysconf(_SC_CLK_TCK)` on every Linux there is. */
const TICKS_PER_SECOND = 100;
const UTIME = 11;
const STIME = 12;
const OUTPUT_MAX = 4_000;

/** What the end of this process ends, however it comes. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** A server under measurement. */
export class ServerProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  #output = '';
  #ended = false;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output = (this.#output + chunk).slice(-OUTPUT_MAX);
      });
    }
    alive.add(child);
    child.once('exit', () => {
      this.#ended = true;
      alive.delete(child);
    });
  }

  /** @throws Error when it ends, or does not listen in time */
  static async start({ name, command, args, env = {}, port }: ServerCommand): Promise<ServerProcess> {
    const { PATH = '' } = process.env;
    const child = spawn(command, [...args], { env: { PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new ServerProcess(name, child);
    child.once('error', (error) => {
      server.#output += error.message;
      server.#ended = true;
    });
    const deadline = performance.now() + START_MS;
    while (!(await listens(port))) {
      if (server.#ended || performance.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`${name} did not start: ${server.#output.trim()}`);
      }
      await delay(POLL_MS);
    }
    return server;
  }

  /** @throws Error when it has ended */
  async usage(): Promise<Usage> {
    const { pid } = this.#child;
    if (this.#ended || pid === undefined) throw new Error(`${this.name} has ended: ${this.#output.trim()}`);
    const [stat, status] = await Promise.all(
      ['stat', 'status'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
    );
    return { cpuUs: cpuUsOf(stat ?? ''), residentBytes: residentBytesOf(status ?? '') };
  }

  /** As a crash does. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    while (!this.#ended) await delay(POLL_MS);
  }

  /** In order; what does not end in time is killed. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGTERM');
    const deadline = performance.now() + STOP_MS;
    while (!this.#ended && performance.now() < deadline) await delay(POLL_MS);
    if (!this.#ended) this.#child.kill('SIGKILL');
  }
}

/** @param stat what `/proc/PID/stat` says; the name in it may hold anything, also brackets and spaces */
export function cpuUsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[UTIME]) + Number(fields[STIME])) * 1_000_000) / TICKS_PER_SECOND;
}

/** @param status what `/proc/PID/status` says */
export function residentBytesOf(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}

/** Starts a Redis of its own that keeps nothing on disk. */
export async function startRedis(): Promise<{ server: ServerProcess; url: string }> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
  const server = await ServerProcess.start({ name: 'redis', command: 'redis-server', args, port });
  await rm(dir, { recursive: true, force: true });
  return { server, url: `redis://127.0.0.1:${port}/0` };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (is: boolean) => (): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}
