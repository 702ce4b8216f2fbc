import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child.js';
import { registerCleanup } from './cleanup.js';
import { freePort } from './free-port.js';
import { redisCli } from './redis-cli.js';
import { RestartableProcess } from './restartable-process.js';

export interface RedisOptions {
  /** Default: a free port. */
  port?: number;
  /** Whether data survives a kill (`appendfsync always`) and a restart. Default: nothing is kept on disk. */
  appendOnly?: boolean;
  /** Further arguments of redis-server, such as `--maxmemory 10mb`. */
  args?: readonly string[];
  name?: string;
}

const PORT_TRIES = 5;

/** A redis-server of a test on 127.0.0.1, in a directory of its own. {@link startRedis} makes and starts it. */
export class RedisServer extends RestartableProcess {
  readonly port: number;
  readonly dir: string;
  readonly #args: readonly string[];

  constructor(name: string, port: number, dir: string, args: readonly string[]) {
    super(name);
    this.port = port;
    this.dir = dir;
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}/0`;
  }

  /** Runs a command through redis-cli. */
  cli(...args: readonly (string | number)[]): Promise<string> {
    return redisCli(this.port, ...args);
  }

  /** Starts it again after it was stopped or killed, on the same port, and with its data if it is `appendOnly`. */
  async start(): Promise<void> {
    if (this.running) throw new Error(`${this.name} is running already`);
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.dir, ...this.#args];
    const child = await startChild({ name: this.name, command: 'redis-server', args });
    this.startedAs(child);
    const ended = child.exited.then(() => {
      throw new Error(`${this.name} ended instead of starting:\n${child.log.tail()}`);
    });
    await Promise.race([child.log.waitFor('Ready to accept connections'), ended]);
  }

  /** Kills it and starts it again. @param options `empty` deletes its files in between, as the loss of a disk does */
  async restart(options: { empty?: boolean } = {}): Promise<void> {
    if (this.running) await this.kill();
    if (options.empty) await rm(join(this.dir, 'appendonlydir'), { recursive: true, force: true });
    await this.start();
  }
}

/** Starts a redis-server on 127.0.0.1. {@link stopAll} ends it and deletes its directory. */
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
      // Another process may take a free port before this server listens on it.
      if (options.port !== undefined || attempt === PORT_TRIES || !isPortTaken(error)) throw error;
    }
  }
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && /Address already in use/i.test(error.message);
}
