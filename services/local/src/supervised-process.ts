import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ServiceLog } from './service-log.js';

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly log: ServiceLog;
  /** Whether it serves; a rejection counts as no. */
  readonly isReady: () => Promise<boolean>;
  /** Gets a sentence for the operator whenever something happens to the process. */
  readonly say: (line: string) => void;
}

/** The process ended before it was ever ready: starting it again would not help. */
export class StartFailedError extends Error {
  override readonly name = 'StartFailedError';
}

const RESTART_FIRST_MS = 500;
const RESTART_MAX_MS = 8_000;
/** A process that ran this long had started well: if it ends, the restart delay begins with the shortest again. */
const LIVED_WELL_MS = 30_000;
const READY_CHECK_MS = 50;

/** Script that ends the program when this process has died for any reason. Its path holds from `src/` and `dist/`. */
const GUARD = fileURLToPath(new URL('../bin/guard.sh', import.meta.url));

/**
 * A process that is restarted, after a growing delay, whenever it ends by itself. It never outlives this process. It
 * has a process group of its own, so that Ctrl-C does not reach it directly: {@link stop} decides when it ends.
 */
export class SupervisedProcess {
  readonly #spec: ProcessSpec;
  #child: ChildProcess | undefined;
  #ended: Promise<string> = Promise.resolve('not started');
  #stopping = false;
  #wasReady = false;
  #restartMs = RESTART_FIRST_MS;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(spec: ProcessSpec) {
    this.#spec = spec;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the process and waits until it is ready.
   *
   * @returns whether it became ready in time; if not, it keeps running and may become ready later
   * @throws {StartFailedError} when it ends first
   */
  async start(timeoutMs: number): Promise<boolean> {
    const { isReady, name, log } = this.#spec;
    this.#spawn();
    let ended: string | undefined;
    void this.#ended.then((how) => {
      ended = how;
    });
    const until = performance.now() + timeoutMs;
    for (;;) {
      if (ended !== undefined) {
        if (this.#stopping) return false;
        throw new StartFailedError(`${name} could not start (${ended}):\n${log.tail().join('\n')}`);
      }
      if (await isReady().catch(() => false)) break;
      if (performance.now() > until) break;
      await new Promise((resolve) => setTimeout(resolve, READY_CHECK_MS));
    }
    this.#wasReady = true;
    return performance.now() <= until;
  }

  /** Ends the process and does not restart it. @param timeoutMs after this long it is killed */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (!child) return;
    child.kill('SIGTERM');
    const killTimer = setTimeout(() => {
      this.#spec.say(`${this.#spec.name} did not stop in ${timeoutMs / 1000} s and was killed`);
      child.kill('SIGKILL');
    }, timeoutMs);
    await this.#ended;
    clearTimeout(killTimer);
  }

  #spawn(): void {
    const { command, args, env, cwd, log } = this.#spec;
    const startedAt = performance.now();
    const child = spawn('/bin/sh', [GUARD, command, ...args], {
      cwd,
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => log.write(text));
    }
    // Nothing is written to this pipe: it is open to show the guard that this process is alive.
    child.stdin.on('error', () => child.stdin.destroy());
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', () => endGroup(child.pid));
      // `close` comes after the last line of output was read, `exit` may come before.
      child.once('close', (code, signal) => resolve(signal ? `killed by ${signal}` : `exit code ${code}`));
    });
    void this.#ended.then((how) => {
      this.#child = undefined;
      if (!this.#stopping && this.#wasReady) this.#restart(how, performance.now() - startedAt);
    });
  }

  #restart(how: string, livedMs: number): void {
    if (livedMs > LIVED_WELL_MS) this.#restartMs = RESTART_FIRST_MS;
    const { name, say } = this.#spec;
    say(`${name} ended (${how}); starting it again in ${this.#restartMs / 1000} s`);
    this.#restartTimer = setTimeout(() => this.#spawn(), this.#restartMs);
    this.#restartMs = Math.min(this.#restartMs * 2, RESTART_MAX_MS);
  }
}

/** Ends the rest of the process group, which is the guard. */
function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // ESRCH: the group is empty already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
