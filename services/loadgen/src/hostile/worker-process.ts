import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { registerCleanup } from '@holdfast/testkit';

/** What a worker process can do, by name. Arguments and results are copied between the processes. */
export type Tasks = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

interface Order {
  readonly number: number;
  readonly task: string;
  readonly argument: unknown;
}

interface Result {
  readonly number: number;
  readonly value?: unknown;
  /** Why the task failed. */
  readonly failure?: string;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process that carries out tasks, so that its load does not slow down others. It ends with this one at the latest. */
export class WorkerProcess<T extends Tasks> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #forget: () => void;
  #ordered = 0;
  #ended: Error | undefined;

  /** @param program a built module that calls {@link carryOut} with tasks of this type */
  constructor(name: string, program: URL) {
    this.#child = fork(fileURLToPath(program), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    this.#child.on('message', ({ number, value, failure }: Result) => {
      const waiting = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (failure === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(failure));
    });
    this.#child.once('exit', (code, signal) => {
      this.#ended = new Error(`${name} ended with ${code ?? signal}`);
      for (const { reject } of this.#waiting.values()) reject(this.#ended);
      this.#waiting.clear();
    });
    this.#forget = registerCleanup(name, () => this.end());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** @throws Error when the task fails, or the process ends before */
  run<Name extends keyof T & string>(
    task: Name,
    argument: Parameters<T[Name]>[0],
  ): Promise<Awaited<ReturnType<T[Name]>>> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#ordered += 1;
    const number = this.#ordered;
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve: (value) => resolve(value as Awaited<ReturnType<T[Name]>>), reject });
      this.#child.send({ number, task, argument } satisfies Order);
    });
  }

  /** Ends the process, whatever it does. */
  async end(): Promise<void> {
    this.#forget();
    if (this.#ended) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Makes this process one that {@link WorkerProcess} starts. */
export function carryOut(tasks: Tasks): void {
  process.on('message', ({ number, task, argument }: Order) => {
    void answerOf(tasks, task, argument).then((answer) => {
      if (process.connected) process.send?.({ number, ...answer } satisfies Result);
    });
  });
  process.once('disconnect', () => process.exit());
}

async function answerOf(tasks: Tasks, task: string, argument: unknown): Promise<Omit<Result, 'number'>> {
  try {
    return { value: await tasks[task]?.(argument as never) };
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) };
  }
}
