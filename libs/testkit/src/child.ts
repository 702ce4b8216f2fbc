import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { registerCleanup } from './cleanup.js';
import { withDeadline } from './deadline.js';
import { LineLog } from './line-log.js';

export interface ChildOptions {
  /** Its name in messages. */
  name: string;
  command: string;
  args?: readonly string[];
  /** The whole environment, to which nothing is added. Default: the environment of this process. */
  env?: Record<string, string>;
  cwd?: string;
}

export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long output may still come after a process has ended. */
const PIPES_GRACE_MS = 1_000;

/** A child process with its output. It ends with this process at the latest, for whatever reason this one ends. */
export class Child {
  readonly name: string;
  /** Lines of standard output and standard error, in the order in which they came. */
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
      // `close` comes when the last lines were read. It does not come while children of the process hold the pipes
      // open, so that after `exit` the wait is limited.
      process.once('close', settle);
      process.once('exit', (code, signal) => setTimeout(() => settle(code, signal), PIPES_GRACE_MS).unref());
    });
  }

  get pid(): number {
    return this.#pid;
  }

  /** How it ended. Nothing while it runs. */
  get exit(): ChildExit | undefined {
    return this.#exit;
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal);
  }

  /** Halts it (SIGSTOP): its sockets stay open, and nothing answers. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /**
   * Ends it with a signal, even if it is paused.
   *
   * @param timeoutMs how long it may take; then it is killed
   * @throws DeadlineError when it had to be killed
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

  /** Kills it (SIGKILL). */
  async kill(): Promise<ChildExit> {
    this.signal('SIGKILL');
    return this.exited;
  }
}

/** All running children. They are killed when this process exits, even in the middle of a failing test. */
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
