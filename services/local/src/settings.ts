import { join } from 'node:path';
import { type AllowedHosts, ConfigError, environmentMistakes, loadConfig } from '@holdfast/config';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of `npm start`, from its command line and environment. */
export interface Settings {
  /** Host of the front door. */
  readonly host: string;
  /** Port of the front door. */
  readonly port: number;
  /** Names that requests may be addressed to (N2). */
  readonly allowedHosts: AllowedHosts;
  /** Folder for data, logs and downloads. */
  readonly home: string;
  /** Whether to use no Redis even if there is one. */
  readonly embedded: boolean;
  /** `CHANNEL_REDIS_URL` as given. */
  readonly redisUrl: string | undefined;
  /** The rest of the environment, which every service gets. Variables that name one process's address are left out. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Variables that services do not inherit: `npm start` chooses the address of each, and takes `PORT` and `HOST` for its
 * front door.
 */
const NOT_PASSED_ON = /^(?:PORT|HOST|ADMIN_PORT|ADMIN_HOST|HOLDFAST_.*|npm_.*|NODE_CHANNEL_FD)$/;

/** Longest drain of a service, in seconds: Ctrl-C has to stop everything within 10 s. */
const DRAIN_SECONDS_MAX = 3;

/**
 * Reads the command line and the environment of `npm start`. The services' variables are checked too, so that every
 * mistake is reported before anything is started.
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
  // The log format of the original guides. People read the logs of `npm start`, programs need `json`.
  passed['LOG_FORMAT'] ||= 'console';
  // Services believe the front door about the client's address.
  passed['TRUST_PROXY'] = 'true';
  // Checked with the front door's host: what a service refuses there, such as listening to everybody without
  // authentication, is refused for the whole system.
  for (const service of ['gateway', 'session-api', 'sweeper'] as const) {
    mistakes.push(...environmentMistakes(service, { ...passed, DRAIN_SECONDS: env['DRAIN_SECONDS'], HOST: host }));
  }
  if (mistakes.length > 0) throw new ConfigError([...new Set(mistakes)]);
  const { allowedHosts, limits } = loadConfig('session-api', { ...passed, HOST: host });
  // Services listen on loopback, where there would be none: those of the front door's address count (M2, M5).
  passed['MAX_REQUESTS_PER_MINUTE'] = String(limits.requestsPerMinute);
  passed['MAX_KEY_REQUESTS_PER_MINUTE'] = String(limits.keyRequestsPerMinute);
  passed['MAX_SESSIONS_CREATED_PER_MINUTE'] = String(limits.sessionsCreatedPerMinute);
  // The services listen on loopback addresses, and are asked for the names that the front door is asked for.
  if (allowedHosts === 'any') passed['ALLOWED_HOSTS'] = '*';
  return {
    host,
    port,
    allowedHosts,
    home: env['HOLDFAST_HOME'] || join(root, '.holdfast'),
    embedded,
    redisUrl,
    env: passed,
  };
}

function portOf(env: Environment, mistakes: string[]): number {
  const name = env['HOLDFAST_PORT'] ? 'HOLDFAST_PORT' : 'PORT';
  const text = env[name] || '8000';
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) mistakes.push(`${name} must be a port from 0 to 65535`);
  return port;
}
