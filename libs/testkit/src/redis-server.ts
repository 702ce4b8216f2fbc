import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, type ChildExit, startChild } from './child.js';
import { registerCleanup } from './cleanup.js';
import { freePort } from './free-port.js';
import { redisCli } from './redis-cli.js';

export interface RedisOptions {
  /** Default: a free one. */
  port?: number;
  /** Whether data survives a kill (`appendfsync always`) and a restart. Default: nothing is kept on disk. */
  appendOnly?: boolean;
  /** More of redis-server's arguments, such as `--maxmemory 10mb`. */
  args?: readonly string[];
  name?: string;
}

const PORT_TRIES = 5;

/** A redis-server of the test's own on 127.0.0.1, in a directory of its own. Start it with {@link startRedis}. */
export class RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly name: string;
  readonly #args: readonly string[];
  #child: Child | undefined;

  constructor(name: string, port: number, dir: string, args: readonly string[]) {
    this.name = name;
    this.port = port;
    this.dir = dir;
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** @throws Error while it is stopped */
  get child(): Child {
    if (!this.#child) throw new Error(`${this.name} is not running`);
    return this.#child;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exit === undefined;
  }

  /** Runs a command through redis-cli. */
  cli(...args: readonly (string | number)[]): Promise<string> {
    return redisCli(this.port, ...args);
  }

  /** Starts it again after {@link stop} or {@link kill}, on the same port; with its data if it is `appendOnly`. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.name} is running already`);
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir, ...this.#args];
    const child = await startChild({ name: this.name, command: 'redis-server', args });
    this.#child = child;
    const ended = child.exited.then(() => {
      throw new Error(`${this.name} ended instead of starting:\n${child.log.tail()}`);
    });
    await Promise.race([child.log.waitFor('Ready to accept connections'), ended]);
  }

  /** SIGTERM: Redis ends in order. */
  stop(): Promise<ChildExit> {
    return this.child.stop();
  }

  /** kill -9. */
  kill(): Promise<ChildExit> {
    return this.child.kill();
  }

  /** SIGSTOP: connections stay, answers stop. */
  pause(): void {
    this.child.pause();
  }

  resume(): void {
    this.child.resume();
  }

  /** Kills and starts it; `empty` throws its files away in between, as a lost disk does. */
  async restart(options: { empty?: boolean } = {}): Promise<void> {
    if (this.running) await this.kill();
    if (options.empty) await rm(join(this.dir, 'appendonlydir'), { recursive: true, force: true });
    await this.start();
  }
}

/** Starts a redis-server on a free port of 127.0.0.1. Ended and cleared away by {@link stopAll}. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  registerCleanup('redis directory', () => rm(dir, { recursive: true, force: true }));
  const persistence = options.appendOnly
    ? ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
    : ['--save', '', '--appendonly', 'no'];
  const args = [...persistence, '--enable-debug-command', 'local', ...(options.args ?? [])];
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const server = new RedisServer(options.name ?? `redis:${port}`, port, dir, args);
    try {
      await server.start();
      return server;
    } catch (error) {
      // Somebody else may have taken the port between asking for it and using it.
      if (options.port !== undefined || attempt === PORT_TRIES || !isPortTaken(error)) throw error;
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && /Address already in use/i.test(error.message);
}
