import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.js';
import { registerCleanup } from './cleanup.js';
import { eventually } from './deadline.js';

export interface HaproxyOptions {
  /**
   * The configuration. It gets the directory in which maps and state files go and the path where its own
   * `stats socket … level admin` must listen.
   */
  config: (paths: { dir: string; socket: string }) => string;
  /** Files beside the configuration, such as maps, by name. */
  files?: Record<string, string>;
  /** Ports that must accept connections before the start counts. */
  ports: readonly number[];
}

export interface Haproxy {
  readonly dir: string;
  readonly child: Child;
  /** Sends a command to the runtime API. @returns the answer, trimmed */
  runtime(command: string): Promise<string>;
}

/** Starts a HAProxy of the test's own, in the foreground as one process. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-haproxy-'));
  registerCleanup('haproxy directory', () => rm(dir, { recursive: true, force: true }));
  const socket = join(dir, 'runtime.sock');
  const file = join(dir, 'haproxy.cfg');
  // HAProxy refuses a last line without its newline.
  await writeFile(file, `${options.config({ dir, socket })}\n`);
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(dir, name), text);
  const child = await startChild({ name: 'haproxy', command: 'haproxy', args: ['-db', '-f', file] });
  await eventually('haproxy to listen', async () => {
    if (child.exit) return true;
    await Promise.all(options.ports.map(accepts));
    return true;
  });
  if (child.exit) throw new Error(`haproxy ended instead of starting:\n${child.log.tail()}`);
  return { dir, child, runtime: (command) => ask(socket, command) };
}

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

function ask(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ path }, () => socket.write(`${command}\n`));
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer.trim()));
  });
}
