import { join } from 'node:path';
import { ConfigError, loadConfig, type ServiceName } from '@holdfast/config';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What `npm start` is told from outside. */
export interface Settings {
  /** Of the front door. */
  readonly host: string;
  readonly port: number;
  /** Where data, logs and downloads lie. */
  readonly home: string;
  /** Use no Redis even if there is one. */
  readonly embedded: boolean;
  /** The Redis given with `CHANNEL_REDIS_URL`, as it is written there. */
  readonly redisUrl: string | undefined;
  /** The rest of the environment, for the services; without what names one process's address. */
  readonly env: Readonly<Record<string, string>>;
}

/** Of one process each: `npm start` chooses them itself, `PORT` and `HOST` are its front door's. */
const NOT_PASSED_ON = /^(?:PORT|HOST|ADMIN_PORT|ADMIN_HOST|HOLDFAST_.*|npm_.*|NODE_CHANNEL_FD)$/;

/** Longest drain of `npm start`, seconds: Ctrl-C stops everything within 10 s. */
const DRAIN_SECONDS_MAX = 3;

/**
 * Reads the command line and the environment of `npm start`, the services' part of it too, so that every mistake is
 * told before anything is started.
 *
 * @param root the repository
 * @throws {ConfigError} with all mistakes at once
 */
export function readSettings(root: string, env: Environment, args: readonly string[]): Settings {
  const mistakes: string[] = [];
  const embedded = args.includes('--embedded');
  for (const arg of args) if (arg !== '--embedded') mistakes.push(`unknown argument ${arg}; there is --embedded`);

  const host = env['HOST'] || '127.0.0.1';
  const port = portOf(env, mistakes);
  const redisUrl = env['CHANNEL_REDIS_URL'] || undefined;
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !NOT_PASSED_ON.test(name)) passed[name] = value;
  }
  const given = Number(env['DRAIN_SECONDS'] || DRAIN_SECONDS_MAX);
  passed['DRAIN_SECONDS'] = String(Math.min(given, DRAIN_SECONDS_MAX));
  // As the seeds print their lines; a file of the logs is for reading.
  passed['LOG_FORMAT'] ||= 'console';
  // The front door says who the client is.
  passed['TRUST_PROXY'] = 'true';
  // With the front door's host: whatever it refuses (open to everybody, say) is refused for the whole.
  for (const service of ['gateway', 'session-api', 'sweeper'] as const) {
    mistakes.push(...mistakesOf(service, { ...passed, DRAIN_SECONDS: env['DRAIN_SECONDS'], HOST: host }));
  }
  if (mistakes.length > 0) throw new ConfigError([...new Set(mistakes)]);
  return { host, port, home: env['HOLDFAST_HOME'] || join(root, '.holdfast'), embedded, redisUrl, env: passed };
}

function portOf(env: Environment, mistakes: string[]): number {
  const name = env['HOLDFAST_PORT'] ? 'HOLDFAST_PORT' : 'PORT';
  const text = env[name] || '8000';
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) mistakes.push(`${name} must be a port from 0 to 65535`);
  return port;
}

function mistakesOf(service: ServiceName, env: Environment): readonly string[] {
  try {
    loadConfig(service, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}
