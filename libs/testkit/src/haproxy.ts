import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.js';
import { registerCleanup } from './cleanup.js';
import { eventually } from './deadline.js';
import { acceptsConnections } from './free-port.js';

export interface HaproxyOptions {
  /**
   * Makes the configuration from the directory for maps and state files, and the path on which its
   * `stats socket … level admin` has to listen.
   */
  config: (paths: { dir: string; socket: string }) => string;
  /** Further files in the same directory, such as maps, by name. */
  files?: Record<string, string>;
  /** The start waits until all these ports accept connections. */
  ports: readonly number[];
}

export interface Haproxy {
  readonly dir: string;
  readonly child: Child;
  /** Sends a command to the runtime API. @returns the answer, trimmed */
  runtime(command: string): Promise<string>;
}

/** Starts a HAProxy for a test, as one process in the foreground. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-haproxy-'));
  registerCleanup('haproxy directory', () => rm(dir, { recursive: true, force: true }));
  const socket = join(dir, 'runtime.sock');
  const file = join(dir, 'haproxy.cfg');
  // HAProxy refuses a file whose last line has no newline.
  await writeFile(file, `${options.config({ dir, socket })}\n`);
  for (const [name, text] of Object.entries(options.files ?? {})) await writeFile(join(dir, name), text);
  const child = await startChild({ name: 'haproxy', command: 'haproxy', args: ['-db', '-f', file] });
  await eventually('haproxy to listen', async () => {
    if (child.exit) return true;
    return (await Promise.all(options.ports.map(acceptsConnections))).every(Boolean);
  });
  if (child.exit) throw new Error(`haproxy ended instead of starting:\n${child.log.tail()}`);
  return { dir, child, runtime: (command) => ask(socket, command) };
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
