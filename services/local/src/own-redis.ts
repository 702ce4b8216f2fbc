import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { asksForPassword } from '@holdfast/redis-client';
import type { ServiceLog } from './service-log.js';
import { SupervisedProcess } from './supervised-process.js';

const PROGRAMS = ['redis-server', 'valkey-server'];

/** The first redis-server or valkey-server of a `PATH`. */
export function findRedisServer(path: string): string | undefined {
  for (const folder of path.split(delimiter)) {
    for (const name of PROGRAMS) {
      const program = join(folder, name);
      try {
        accessSync(program, constants.X_OK);
        if (statSync(program).isFile()) return program;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

export interface OwnRedisOptions {
  readonly program: string;
  readonly port: number;
  /** Folder for its data. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly log: ServiceLog;
  readonly say: (line: string) => void;
}

/** Makes a process of a Redis that listens on 127.0.0.1 and keeps its data on disk. */
export function ownRedis(options: OwnRedisOptions): SupervisedProcess {
  const { program, port, dir, env, log, say } = options;
  mkdirSync(dir, { recursive: true });
  const args = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
    // BullMQ loses jobs when keys are evicted. Sessions need no eviction, because they expire.
    ...['--maxmemory-policy', 'noeviction'],
  ];
  return new SupervisedProcess({
    name: 'Redis',
    command: program,
    args,
    env,
    cwd: dir,
    log,
    say,
    isReady: () => answersPing('127.0.0.1', port),
  });
}

/** Whether a Redis is there: it answers `PONG`, or asks for a password. */
export function answersPing(host: string, port: number, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write('PING\r\n'));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    socket.once('data', (bytes) => {
      const reply = bytes.toString();
      settle(reply.startsWith('+PONG') || asksForPassword(reply));
    });
  });
}
