import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Runs `redis-cli` against a port of 127.0.0.1, as an operator would.
 *
 * @returns the raw output without the last newline
 * @throws Error with Redis' answer when the answer is an error
 */
export async function redisCli(port: number, ...args: readonly (string | number)[]): Promise<string> {
  const { stdout } = await run(
    'redis-cli',
    ['-h', '127.0.0.1', '-p', String(port), '-e', '--raw', ...args.map(String)],
    {
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return stdout.replace(/\n$/, '');
}

/** Reads the fields of an `INFO` section from a server on 127.0.0.1. */
export async function redisInfo(port: number, section: string): Promise<Map<string, string>> {
  const fields = new Map<string, string>();
  for (const line of (await redisCli(port, 'info', section)).split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}
