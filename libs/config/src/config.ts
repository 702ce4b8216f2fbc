import { hostname } from 'node:os';
import { type AllowedHosts, allowedHosts } from './allowed-hosts.js';
import { asksForTokens, contradictions, databaseOf } from './contradictions.js';
import { readEnvironment, type Values } from './environment.js';
import { isLoopback } from './loopback.js';
import type { EncryptionSettings } from './parsers.js';
import type { ServiceName } from './variable.js';

export type Color = 'blue' | 'green';
export type LogLevel = Values['LOG_LEVEL'];
export type LogFormat = 'json' | 'console';

/** How to reach Redis. */
export interface RedisSettings {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  /**
   * In standalone mode one; else the Sentinels, or some nodes of the cluster. They may hold credentials: see `maskUrl`.
   */
  readonly urls: readonly string[];
  /** Present in sentinel mode only, and always there. */
  readonly sentinelMaster?: string;
  /** From 0, the same in each of {@link urls}; a cluster has only 0. */
  readonly database: number;
  /** Begins the names of all keys and channels; most times empty (K7). */
  readonly keyPrefix: string;
  /** Texts in PEM, of `rediss` only. Absent: the system's authorities, and no certificate of our own. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Number of command connections, 1 to 64. */
  readonly poolSize: number;
  /** Milliseconds without an answer after which Redis counts as away. */
  readonly timeoutMs: number;
}

/** How tokens are checked (U1 to U3): with secrets, with the keys of an issuer, or with either. */
export interface AuthSettings {
  /** Of HS256. Each of them is accepted. */
  readonly secrets: readonly string[];
  /** Where the public keys of the issuer are: `https`, or `http` on this machine. */
  readonly jwksUrl?: string;
  /** What `aud` must have; absent: it is not looked at. */
  readonly audience?: string;
  /** What `iss` must be; absent: it is not looked at. */
  readonly issuer?: string;
  /** Longest life of a token, seconds (U12). */
  readonly maxTokenSeconds: number;
}

/** Unless the settings say otherwise: enough for a whole office behind one address. */
const SESSIONS_CREATED_PER_MINUTE = 600;
const REQUESTS_PER_MINUTE = 1_200;
/** A back end asks for all of its users. */
const KEY_REQUESTS_PER_MINUTE = 60_000;

/** All settings of a process, checked. */
export interface Config {
  readonly service: ServiceName;
  readonly color: Color;
  /** Tells this process from others of its kind in logs and metrics: host name and admin port (or process id). */
  readonly instance: string;
  readonly host: string;
  /** 0: any free port. The sweeper has no public port, and 0 here. */
  readonly port: number;
  /** Port of the API's management rows, 0: any free port; absent: {@link port} serves them too (M4). */
  readonly managementPort?: number;
  /** Package of the WebSocket library; absent: that of the lock file. */
  readonly libraryPackage?: string;
  readonly adminHost: string;
  /** 0: any free port. */
  readonly adminPort: number;
  /** On another address than loopback any: probes and scrapers use addresses and names that nobody has listed. */
  readonly adminHosts: AllowedHosts;
  /** Absent: `POST /drain` is for everybody who reaches the admin port. */
  readonly adminToken?: string;
  readonly drainSeconds: number;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly redis: RedisSettings;
  /** `ttl` and `maxTtl` are seconds, `historyMax` is a number of messages, `maxBytes` is how many bytes of them are kept. */
  readonly sessions: {
    readonly ttl: number;
    readonly maxTtl: number;
    readonly historyMax: number;
    readonly maxBytes: number;
    readonly messageMaxBytes: number;
    readonly heartbeatMs: number;
  };
  /** Bytes. */
  readonly memory: {
    readonly tailBytes: number;
    readonly outageBufferBytes: number;
    readonly maxBackpressureBytes: number;
  };
  /** 0: no limit. */
  readonly load: {
    readonly eventLoopLagMs: number;
    /** Absent: the container's limit counts, where there is one. */
    readonly memoryBytes: number | undefined;
  };
  /** 0: no limit. */
  readonly limits: {
    readonly messagesPerSecond: number;
    readonly connectionsPerIp: number;
    readonly connectionsPerSub: number;
    readonly connectsPerSecond: number;
    /** Of one address, and of one `sub`, to the HTTP API (M5). */
    readonly requestsPerMinute: number;
    /** Of one API key (M5). */
    readonly keyRequestsPerMinute: number;
    /** Of one address, and of one `sub` (M2). */
    readonly sessionsCreatedPerMinute: number;
  };
  /** Absent: nobody is asked for a token. */
  readonly auth?: AuthSettings;
  /** Of back ends, at least 32 characters each (M3). Empty: nobody is asked for one. */
  readonly apiKeys: readonly string[];
  readonly encryption: EncryptionSettings;
  readonly trustProxy: boolean;
  /** As browsers send them. Empty: pages of the same host only. */
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: AllowedHosts;
  readonly audit: { readonly intervalSeconds: number; readonly graceSeconds: number; readonly dryRun: boolean };
}

/** The environment does not allow a start. The message lists every mistake in plain words, without any value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly mistakes: readonly string[]) {
    super(
      `${mistakes.length === 1 ? 'A setting is' : `${mistakes.length} settings are`} not right:\n${mistakes.map((m) => `  - ${m}`).join('\n')}`,
    );
  }
}

/** Every mistake of an environment, as {@link loadConfig} would report it; none when it would succeed. */
export function environmentMistakes(
  service: ServiceName,
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  return checkEnvironment(service, env).mistakes;
}

function checkEnvironment(service: ServiceName, env: Readonly<Record<string, string | undefined>>) {
  const mistakes: string[] = [];
  const values = readEnvironment(service, env, mistakes);
  mistakes.push(...contradictions(service, values));
  return { values, mistakes };
}

/**
 * Reads and checks the environment, once, at start.
 *
 * @throws {ConfigError} with all mistakes at once
 */
export function loadConfig(
  service: ServiceName,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const { values, mistakes } = checkEnvironment(service, env);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  // There clients are programs of this machine, which has one address for all of them.
  const isPrivate = isLoopback(values.HOST);
  return {
    service,
    color: values.INSTANCE_COLOR,
    instance: `${hostname()}:${values.ADMIN_PORT || process.pid}`,
    host: values.HOST,
    port: service === 'sweeper' ? 0 : values.PORT,
    ...(values.API_MANAGEMENT_PORT === undefined ? {} : { managementPort: values.API_MANAGEMENT_PORT }),
    ...(values.UWEBSOCKETS_PACKAGE === undefined ? {} : { libraryPackage: values.UWEBSOCKETS_PACKAGE }),
    adminHost: values.ADMIN_HOST,
    adminPort: values.ADMIN_PORT,
    adminHosts: isLoopback(values.ADMIN_HOST)
      ? allowedHosts(values.ADMIN_HOST, values.ALLOWED_HOSTS, values.ALLOWED_ORIGINS)
      : 'any',
    ...(values.ADMIN_TOKEN === undefined ? {} : { adminToken: values.ADMIN_TOKEN }),
    drainSeconds: values.DRAIN_SECONDS,
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    redis: {
      mode: values.REDIS_MODE,
      urls: values.CHANNEL_REDIS_URL,
      database: databaseOf(values.CHANNEL_REDIS_URL[0]),
      keyPrefix: values.REDIS_KEY_PREFIX,
      ...(values.REDIS_SENTINEL_MASTER === undefined ? {} : { sentinelMaster: values.REDIS_SENTINEL_MASTER }),
      ...tlsOf(values),
      poolSize: values.REDIS_POOL_SIZE,
      timeoutMs: values.REDIS_TIMEOUT_MS,
    },
    sessions: {
      ttl: values.REDIS_SESSION_TTL,
      maxTtl: values.MAX_SESSION_TTL,
      historyMax: values.MESSAGE_HISTORY_MAX,
      maxBytes: values.SESSION_MAX_BYTES,
      messageMaxBytes: values.MESSAGE_MAX_BYTES,
      heartbeatMs: Math.round(values.HEARTBEAT_INTERVAL * 1000),
    },
    memory: {
      tailBytes: values.TAIL_BYTES,
      outageBufferBytes: values.OUTAGE_BUFFER_BYTES,
      maxBackpressureBytes: values.MAX_BACKPRESSURE_BYTES,
    },
    load: { eventLoopLagMs: values.MAX_EVENT_LOOP_LAG_MS, memoryBytes: values.MAX_MEMORY_BYTES },
    limits: {
      messagesPerSecond: values.MAX_MESSAGES_PER_SECOND,
      connectionsPerIp: values.MAX_CONNECTIONS_PER_IP,
      connectionsPerSub: values.MAX_CONNECTIONS_PER_SUB,
      connectsPerSecond: values.MAX_CONNECTS_PER_SECOND,
      requestsPerMinute: values.MAX_REQUESTS_PER_MINUTE ?? (isPrivate ? 0 : REQUESTS_PER_MINUTE),
      keyRequestsPerMinute: values.MAX_KEY_REQUESTS_PER_MINUTE ?? (isPrivate ? 0 : KEY_REQUESTS_PER_MINUTE),
      sessionsCreatedPerMinute: values.MAX_SESSIONS_CREATED_PER_MINUTE ?? (isPrivate ? 0 : SESSIONS_CREATED_PER_MINUTE),
    },
    ...authOf(values),
    apiKeys: values.API_KEYS,
    encryption: values.SESSION_ENCRYPTION_KEYS,
    trustProxy: values.TRUST_PROXY,
    allowedOrigins: values.ALLOWED_ORIGINS,
    allowedHosts: allowedHosts(values.HOST, values.ALLOWED_HOSTS, values.ALLOWED_ORIGINS),
    audit: {
      intervalSeconds: values.AUDIT_INTERVAL_SECONDS,
      graceSeconds: values.AUDIT_GRACE_SECONDS,
      dryRun: values.AUDIT_DRY_RUN,
    },
  };
}

function tlsOf({
  REDIS_TLS_CA_FILE: ca,
  REDIS_TLS_CERT_FILE: cert,
  REDIS_TLS_KEY_FILE: key,
}: Values): Pick<RedisSettings, 'tls'> {
  if (ca === undefined && cert === undefined) return {};
  return { tls: { ...(ca !== undefined && { ca }), ...(cert !== undefined && key !== undefined && { cert, key }) } };
}

function authOf(values: Values): Pick<Config, 'auth'> {
  const { AUTH_JWT_SECRET: secrets, AUTH_JWKS_URL: jwksUrl, AUTH_AUDIENCE: audience, AUTH_ISSUER: issuer } = values;
  if (!asksForTokens(values)) return {};
  return {
    auth: {
      secrets,
      ...(jwksUrl !== undefined && { jwksUrl }),
      ...(audience !== undefined && { audience }),
      ...(issuer !== undefined && { issuer }),
      maxTokenSeconds: values.AUTH_MAX_TOKEN_SECONDS,
    },
  };
}
