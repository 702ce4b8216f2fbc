import { LARGEST_MESSAGE_FACTOR, type Values } from './environment.js';
import { isLoopback } from './loopback.js';
import type { ServiceName } from './variable.js';

/** Mistakes that no single value shows: settings that contradict each other. */
export function* contradictions(service: ServiceName, values: Values): Generator<string> {
  const { REDIS_MODE: mode, CHANNEL_REDIS_URL: urls, REDIS_SENTINEL_MASTER: master } = values;
  if (mode === 'standalone' && urls.length > 1) {
    yield 'CHANNEL_REDIS_URL has several URLs, which only REDIS_MODE sentinel or cluster can use';
  }
  if (mode === 'sentinel' && master === undefined) {
    yield 'REDIS_SENTINEL_MASTER must name the master, because REDIS_MODE is sentinel';
  }
  if (mode !== 'sentinel' && master !== undefined) {
    yield 'REDIS_SENTINEL_MASTER is set, which only REDIS_MODE sentinel can use';
  }
  if (mode === 'cluster' && urls.some((url) => databaseOf(url) !== 0)) {
    yield 'CHANNEL_REDIS_URL names a database, but a cluster has only database 0';
  }
  if (mode !== 'sentinel' && urls.some((url) => new URL(url).search !== '')) {
    yield 'CHANNEL_REDIS_URL has credentials for Sentinels, which only REDIS_MODE sentinel can use';
  }
  if (urls.some((url) => differs(url, urls[0]))) {
    yield 'CHANNEL_REDIS_URL must have the same scheme, user, password, database and query in each of its URLs';
  }
  const { REDIS_TLS_CA_FILE: ca, REDIS_TLS_CERT_FILE: cert, REDIS_TLS_KEY_FILE: key } = values;
  if ((cert === undefined) !== (key === undefined)) {
    yield 'REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE must both be set, or neither';
  }
  if ([ca, cert, key].some((file) => file !== undefined) && urls.some((url) => !url.startsWith('rediss:'))) {
    yield 'REDIS_TLS_CA_FILE, REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE need rediss:// in CHANNEL_REDIS_URL';
  }
  if (values.REDIS_SESSION_TTL > values.MAX_SESSION_TTL) {
    yield 'REDIS_SESSION_TTL must not be more than MAX_SESSION_TTL';
  }
  const { HOST: host, PORT: port } = values;
  if (service !== 'sweeper' && port !== 0 && port === values.ADMIN_PORT && host === values.ADMIN_HOST) {
    yield 'PORT and ADMIN_PORT must differ, because HOST and ADMIN_HOST are the same';
  }
  const { API_MANAGEMENT_PORT: management } = values;
  if (service === 'session-api' && management) {
    if (management === port) yield 'API_MANAGEMENT_PORT and PORT must differ; leave it unset for one port';
    if (management === values.ADMIN_PORT && host === values.ADMIN_HOST) {
      yield 'API_MANAGEMENT_PORT and ADMIN_PORT must differ, because HOST and ADMIN_HOST are the same';
    }
  }
  if (service !== 'sweeper' && values.SESSION_MAX_BYTES < LARGEST_MESSAGE_FACTOR * values.MESSAGE_MAX_BYTES) {
    yield noRoom('SESSION_MAX_BYTES');
  }
  if (service === 'gateway') yield* unusable(values);
  yield* halfAuthenticated(values);
  yield* openToAll(service, values);
}

/** Settings with which a gateway would start, and then fail its members (B6). */
function* unusable(values: Values): Generator<string> {
  for (const name of ['TAIL_BYTES', 'OUTAGE_BUFFER_BYTES', 'MAX_BACKPRESSURE_BYTES'] as const) {
    if (values[name] < LARGEST_MESSAGE_FACTOR * values.MESSAGE_MAX_BYTES) yield noRoom(name);
  }
  if (values.PROXY_IDLE_SECONDS !== 0 && values.HEARTBEAT_INTERVAL >= values.PROXY_IDLE_SECONDS) {
    yield 'HEARTBEAT_INTERVAL must be less than PROXY_IDLE_SECONDS, or the proxy closes connections that are silent';
  }
}

/** A limit of bytes below one largest message. */
function noRoom(name: string): string {
  return `${name} must be at least ${LARGEST_MESSAGE_FACTOR} times MESSAGE_MAX_BYTES, which one largest message takes`;
}

/** Whether two servers of one deployment differ in more than their address. */
function differs(url: string, first = url): boolean {
  const [a, b] = [new URL(url), new URL(first)];
  return (['protocol', 'username', 'password', 'pathname', 'search'] as const).some((part) => a[part] !== b[part]);
}

/** Settings of which one says that tokens are asked for, and another one that they are not. */
function* halfAuthenticated(values: Values): Generator<string> {
  if (asksForTokens(values)) {
    if (values.AUTH_DISABLED) {
      yield 'AUTH_DISABLED is true, and AUTH_JWT_SECRET or AUTH_JWKS_URL is set: either everybody is served, or tokens are asked for';
    }
    return;
  }
  for (const name of ['AUTH_AUDIENCE', 'AUTH_ISSUER'] as const) {
    if (values[name] !== undefined) {
      yield `${name} is set, but without AUTH_JWT_SECRET or AUTH_JWKS_URL nobody is asked for a token`;
    }
  }
}

/** A process that anybody could use from outside, without having been told so. */
function* openToAll(service: ServiceName, values: Values): Generator<string> {
  if (service === 'sweeper' || values.AUTH_DISABLED || isLoopback(values.HOST)) return;
  if (asksForTokens(values)) return;
  yield 'HOST is not a loopback address, and nobody would be asked for a token there: set AUTH_JWT_SECRET or AUTH_JWKS_URL, or AUTH_DISABLED=true to serve everybody';
}

/** The database that a Redis URL names. */
export function databaseOf(url: string | undefined): number {
  return url === undefined ? 0 : Number(new URL(url).pathname.slice(1));
}

/** Whether callers need a token (U6). */
export function asksForTokens({ AUTH_JWT_SECRET: secrets, AUTH_JWKS_URL: jwksUrl }: Values): boolean {
  return secrets.length > 0 || jwksUrl !== undefined;
}
