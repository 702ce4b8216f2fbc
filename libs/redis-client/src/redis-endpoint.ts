import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

/** The parts of one Redis URL. A part that the URL does not have is absent, so that the result can be spread into options. */
export interface RedisEndpoint {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** Present with `rediss:`. The certificate is verified against the system's authorities and `NODE_EXTRA_CA_CERTS`. */
  readonly tls?: ConnectionOptions;
}

/**
 * Reads `redis[s]://[user][:password@]host[:port][/database][?sentinel_username=…&sentinel_password=…]`.
 *
 * @param defaultPort 6379, or 26379 for a Sentinel
 * @throws {TypeError} for anything else; the message does not repeat the URL, which may hold a password
 */
export function parseRedisUrl(url: string, defaultPort = 6379): RedisEndpoint {
  const parsed = urlOf(url);
  const database = /^\/?(\d*)$/.exec(parsed.pathname);
  if (database === null) throw new TypeError('the path of a Redis URL must be the number of a database');
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const sentinelUsername = parsed.searchParams.get('sentinel_username');
  const sentinelPassword = parsed.searchParams.get('sentinel_password');
  return {
    host: host === '' ? 'localhost' : host,
    port: parsed.port === '' ? defaultPort : Number(parsed.port),
    db: Number(database[1]),
    ...(parsed.username === '' ? {} : { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
    ...(sentinelUsername === null ? {} : { sentinelUsername }),
    ...(sentinelPassword === null ? {} : { sentinelPassword }),
    ...(parsed.protocol === 'rediss:' ? { tls: serverName(host) } : {}),
  };
}

/** Servers behind one address need the name that was asked for, which Node does not send by itself. */
function serverName(host: string): ConnectionOptions {
  return isIP(host) === 0 ? { servername: host } : {};
}

function urlOf(text: string): URL {
  try {
    if (/^rediss?:\/\//.test(text)) return new URL(text);
  } catch {
    // The error of the URL repeats the text, which may hold a password.
  }
  throw new TypeError('a Redis URL must be like redis://user:password@host:6379/0, or rediss:// for TLS');
}
