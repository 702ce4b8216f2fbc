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
  /** Tells what happens to it, a sentence at a time. */
  readonly say: (line: string) => void;
}

/** It ended before it was ready for the first time: starting it again would not help. */
export class StartFailedError extends Error {
  override readonly name = 'StartFailedError';
}

const RESTART_FIRST_MS = 500;
const RESTART_MAX_MS = 8_000;
/** A process that lived this long has not failed to start: the next delay is the shortest again. */
const LIVED_WELL_MS = 30_000;
const READY_CHECK_MS = 50;

/** Ends the program when this process has died, however it did; seen from `src/` and `dist/`. */
const GUARD = fileURLToPath(new URL('../bin/guard.sh', import.meta.url));

/**
 * A process that is started again, after a growing delay, whenever it ends by itself, and that does not outlive this
 * one. It is in a process group of its own: Ctrl-C reaches it through {@link stop} only, in its order.
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
   * Starts it and waits until it is ready.
   *
   * @returns whether it became ready in time; if not it goes on trying
   * @throws {StartFailedError} when it ends before
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

  /** Ends it for good. @param timeoutMs after which it is killed */
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
    // Its end is what counts; the pipe only holds the guard.
    child.stdin.on('error', () => child.stdin.destroy());
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', () => endGroup(child.pid));
      // After its last line has been read.
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

/** Ends the guard, which is the last of the group. */
function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // Nobody is left in it.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
