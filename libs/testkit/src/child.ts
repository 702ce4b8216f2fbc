import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { registerCleanup } from './cleanup.js';
import { withDeadline } from './deadline.js';
import { LineLog } from './line-log.js';

export interface ChildOptions {
  /** Appears in messages. */
  name: string;
  command: string;
  args?: readonly string[];
  /** The whole environment: nothing is inherited. Default: this process's. */
  env?: Record<string, string>;
  cwd?: string;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long after a process' end its output may still come. */
const PIPES_GRACE_MS = 1_000;

/** A process of ours with its output; ended when the test process ends, however that happens. */
export class Child {
  readonly name: string;
  /** Lines of standard output and standard error, in the order they came. */
  readonly log = new LineLog();
  readonly exited: Promise<ChildExit>;
  readonly #process: ChildProcess;
  readonly #pid: number;
  #exit: ChildExit | undefined;

  constructor(process: ChildProcess, pid: number, name: string) {
    this.#process = process;
    this.#pid = pid;
    this.name = name;
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => this.log.write(text));
    }
    process.on('error', (error) => this.log.write(`${error.message}\n`));
    this.exited = new Promise((resolve) => {
      const settle = (code: number | null, signal: NodeJS.Signals | null) => {
        if (this.#exit) return;
        this.log.end();
        this.#exit = { code, signal };
        resolve(this.#exit);
      };
      // `close` rather than `exit`: the last lines have been read by then. Unless children of its own hold the pipes.
      process.once('close', settle);
      process.once('exit', (code, signal) => setTimeout(() => settle(code, signal), PIPES_GRACE_MS).unref());
    });
  }

  get pid(): number {
    return this.#pid;
  }

  /** How it ended; nothing while it runs. */
  get exit(): ChildExit | undefined {
    return this.#exit;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal);
  }

  /** Stops it in its tracks (SIGSTOP): sockets stay open and silent. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /**
   * Ends it with a signal, a paused one too.
   *
   * @param timeoutMs how long it may take before it is killed, which is an error
   */
  async stop(signal: NodeJS.Signals = 'SIGTERM', timeoutMs = 30_000): Promise<ChildExit> {
    this.signal(signal);
    this.signal('SIGCONT');
    try {
      return await withDeadline(this.exited, () => `${this.name} to end; last lines:\n${this.log.tail()}`, timeoutMs);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** kill -9. */
  async kill(): Promise<ChildExit> {
    this.signal('SIGKILL');
    return this.exited;
  }
}

/** What the end of this process ends, when nothing else has: also in the middle of a failing test. */
const alive = new Set<Child>();
process.once('exit', () => {
  for (const child of alive) child.signal('SIGKILL');
});

/** @throws Error when the program cannot be started */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, command, args = [], env = inheritedEnvironment(), cwd } = options;
  const process_ = spawn(command, [...args], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  await once(process_, 'spawn').catch((error: unknown) => {
    throw new Error(`cannot start ${name} (${command})`, { cause: error });
  });
  const { pid } = process_;
  if (pid === undefined) throw new Error(`${name} has no process id`);
  const child = new Child(process_, pid, name);
  const forget = registerCleanup(name, () => child.kill());
  alive.add(child);
  void child.exited.then(() => {
    forget();
    alive.delete(child);
  });
  return child;
}

function inheritedEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value;
  return env;
}
