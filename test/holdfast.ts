import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, freePort, REPOSITORY, registerCleanup, startChild } from '@holdfast/testkit';

export interface HoldfastOptions {
  /** Added to the port, the folder and `PATH`. Nothing else is inherited. */
  env?: Record<string, string>;
  args?: readonly string[];
}

/** The whole system as `npm start` runs it, on free ports and in a folder of its own. */
export interface Holdfast {
  /** Address of the front door, without a slash at its end. */
  readonly url: string;
  readonly wsUrl: string;
  readonly port: number;
  /** Folder of its data and logs. */
  readonly home: string;
  readonly child: Child;
  /** Port of its Redis; undefined in embedded mode. */
  readonly redisPort: number | undefined;
  /** Each gateway's own address. */
  readonly gatewayWsUrls: readonly string[];
  /** The lines of all logs of its services. */
  logLines(): Promise<string[]>;
}

/** Starts the system as it was built last. `stopAll` ends it. @throws Error when it was not built or does not start */
export async function startHoldfast(options: HoldfastOptions = {}): Promise<Holdfast> {
  const main = join(REPOSITORY, 'services/local/dist/main.js');
  if (!existsSync(main)) throw new Error('the system is not built: npm run build');
  const home = await mkdtemp(join(tmpdir(), 'holdfast-system-'));
  registerCleanup('home of the system', () => rm(home, { recursive: true, force: true }));
  const port = await freePort();
  const child = await startChild({
    name: 'npm start',
    command: process.execPath,
    args: [main, ...(options.args ?? [])],
    cwd: REPOSITORY,
    env: { PATH: process.env['PATH'] ?? '', HOLDFAST_HOME: home, HOLDFAST_PORT: String(port), ...options.env },
  });
  registerCleanup('the system', async () => {
    // SIGTERM ends its children first. After a SIGKILL they would end only a moment later than their parent.
    if (!child.exit) await child.stop('SIGTERM', 30_000);
  });
  const ended = child.exited.then(() => {
    throw new Error(`the system ended instead of starting:\n${child.log.tail()}`);
  });
  await Promise.race([child.log.waitFor(/^Ready: /, { timeoutMs: 120_000 }), ended]);
  return {
    url: `http://localhost:${port}`,
    wsUrl: `ws://localhost:${port}/ws/chat/`,
    port,
    home,
    child,
    redisPort: portIn(child, /^ {2}Redis\s+redis:\/\/[^:]+:(\d+)/),
    gatewayWsUrls: child.log.matching(/^ {2}gateway \d/).map((line) => {
      const [, own] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      return `ws://127.0.0.1:${own}/ws/chat/`;
    }),
    async logLines() {
      const folder = join(home, 'logs');
      const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
      return texts.flatMap((text) => text.split('\n'));
    },
  };
}

function portIn(child: Child, pattern: RegExp): number | undefined {
  const [line = ''] = child.log.matching(pattern);
  const [, port] = pattern.exec(line) ?? [];
  return port === undefined ? undefined : Number(port);
}
