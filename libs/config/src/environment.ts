import { ACCESS_VARIABLES } from './access-variables.js';
import {
  adminToken,
  type EncryptionSettings,
  encryptionKeys,
  flag,
  host,
  keyPrefix,
  line,
  oneOf,
  pemFile,
  redisUrls,
  seconds,
  whole,
  wholeOrZero,
} from './parsers.js';
import { ALL, GATEWAY, PUBLIC, SESSION_API, type ServiceName, SWEEPER, type Variable, variable } from './variable.js';

const PORTS = { gateway: 8100, 'session-api': 8200, sweeper: 0 } as const;
const ADMIN_PORTS = { gateway: 9100, 'session-api': 9200, sweeper: 9300 } as const;

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const YEARS_10 = 315_360_000;

/**
 * Memory of one largest message, in times of `MESSAGE_MAX_BYTES`: JSON writes a byte of content with up to 6, and the
 * rest of the frame takes less than twice the smallest limit (C6, B6).
 */
export const LARGEST_MESSAGE_FACTOR = 8;
/** Below this limit the rest of a largest message, about 700 bytes of memory, would not fit, nor a largest signal (V21). */
const MESSAGE_MAX_BYTES_MIN = 512;
const MEMORY_MIN = LARGEST_MESSAGE_FACTOR * MESSAGE_MAX_BYTES_MIN;

/** Every variable of the product, with its default and the values that are allowed. */
export const VARIABLES = {
  CHANNEL_REDIS_URL: variable(
    redisUrls,
    ['redis://localhost:6379/0'],
    ALL,
    'Where Redis is: one URL, or several separated by commas (the Sentinels, or some nodes of the cluster). `rediss://` is TLS. User and password are those of the Redis servers; Sentinels that ask for their own get them from `?sentinel_username=…&sentinel_password=…`',
    'redis://localhost:6379/0',
  ),
  REDIS_MODE: variable(
    oneOf(['standalone', 'sentinel', 'cluster']),
    'standalone',
    ALL,
    '`standalone`, `sentinel` or `cluster`',
  ),
  REDIS_SENTINEL_MASTER: variable<string | undefined>(
    line,
    undefined,
    ALL,
    'Name of the master the Sentinels watch; needed with `REDIS_MODE=sentinel`, and only then',
  ),
  REDIS_KEY_PREFIX: variable(
    keyPrefix,
    '',
    ALL,
    'Begins the names of all keys and channels, for a Redis that several deployments share: up to 64 letters, digits, `.`, `_`, `:` and `-`. The same for all processes of a deployment; whoever changes it begins with no sessions',
  ),
  REDIS_TLS_CA_FILE: variable<string | undefined>(
    pemFile,
    undefined,
    ALL,
    "File with the certificates of the authorities that may sign Redis' certificate, in PEM; unset: those of the system. Only with `rediss://`",
  ),
  REDIS_TLS_CERT_FILE: variable<string | undefined>(
    pemFile,
    undefined,
    ALL,
    'File with the certificate that this process shows Redis, in PEM; only with `REDIS_TLS_KEY_FILE`',
  ),
  REDIS_TLS_KEY_FILE: variable<string | undefined>(
    pemFile,
    undefined,
    ALL,
    'File with the private key of `REDIS_TLS_CERT_FILE`, in PEM',
  ),
  REDIS_POOL_SIZE: variable(
    whole('connections', 1, 64),
    1,
    PUBLIC,
    'Connections for commands. One pipelined connection is the fastest until it alone fills a core of Redis or of the process',
  ),
  REDIS_TIMEOUT_MS: variable(
    whole('milliseconds', 50, 60_000),
    1000,
    ALL,
    'Milliseconds without an answer after which Redis counts as away',
  ),
  REDIS_SESSION_TTL: variable(
    whole('seconds', 1, YEARS_10),
    3600,
    PUBLIC,
    'Seconds a session lives after its last activity, unless it has a ttl of its own',
  ),
  MAX_SESSION_TTL: variable(
    whole('seconds', 1, YEARS_10),
    2_592_000,
    SESSION_API,
    'Longest ttl, in seconds, that a session may be given (default 30 days)',
  ),
  MESSAGE_HISTORY_MAX: variable(whole('messages', 1, 1_000_000), 1000, PUBLIC, 'Messages kept per session'),
  SESSION_MAX_BYTES: variable(
    whole('bytes', MEMORY_MIN, 64 * GIB),
    16 * MIB,
    PUBLIC,
    'Bytes of messages kept per session (default 16 MiB); at least 8 times `MESSAGE_MAX_BYTES`. Appends cost least where most messages are smaller than this divided by `MESSAGE_HISTORY_MAX`. The same for all gateways and APIs of a deployment',
  ),
  MESSAGE_MAX_BYTES: variable(
    whole('bytes', MESSAGE_MAX_BYTES_MIN, 16 * MIB),
    16_384,
    PUBLIC,
    'Largest content of a message, in bytes of UTF-8',
  ),
  HEARTBEAT_INTERVAL: variable(seconds(0.1, 3600), 30, GATEWAY, 'Seconds between two heartbeats on a connection'),
  PROXY_IDLE_SECONDS: variable(
    seconds(0, 86_400),
    0,
    GATEWAY,
    'Seconds without a byte after which a proxy in front closes a connection; `HEARTBEAT_INTERVAL` must be less. 0 is no limit',
  ),
  TAIL_BYTES: variable(
    whole('bytes', MEMORY_MIN, 64 * GIB),
    64 * MIB,
    GATEWAY,
    'Memory for the newest messages of the live sessions, in bytes over all sessions (default 64 MiB); at least 8 times `MESSAGE_MAX_BYTES`',
  ),
  OUTAGE_BUFFER_BYTES: variable(
    whole('bytes', MEMORY_MIN, 64 * GIB),
    64 * MIB,
    GATEWAY,
    'Memory for messages that wait while Redis is away, in bytes over all sessions (default 64 MiB); at least 8 times `MESSAGE_MAX_BYTES`',
  ),
  MAX_BACKPRESSURE_BYTES: variable(
    whole('bytes', MEMORY_MIN, GIB),
    MIB,
    GATEWAY,
    'Unsent bytes after which a slow connection is closed with 4408 (default 1 MiB); at least 8 times `MESSAGE_MAX_BYTES`',
  ),
  MAX_MESSAGES_PER_SECOND: variable(
    whole('messages', 0, 1_000_000),
    100,
    GATEWAY,
    'Frames of any kind per second and connection, with a burst of twice that; 0 is no limit',
  ),
  MAX_CONNECTIONS_PER_IP: variable(
    whole('connections', 0, 1_000_000),
    0,
    GATEWAY,
    'Connections per client address; 0 is no limit',
  ),
  MAX_CONNECTIONS_PER_SUB: variable(
    whole('connections', 0, 1_000_000),
    1000,
    GATEWAY,
    'Connections to one gateway with tokens of one `sub`; 0 is no limit',
  ),
  MAX_CONNECTS_PER_SECOND: variable(
    whole('connects', 0, 1_000_000),
    0,
    GATEWAY,
    'New connections per second that this gateway admits; 0 is no limit',
  ),
  MAX_REQUESTS_PER_MINUTE: variable<number | undefined>(
    whole('requests', 0, 10_000_000),
    undefined,
    SESSION_API,
    'Requests to the HTTP API that one client address, and one `sub`, may make in a minute, counted over all APIs; 0 is no limit. Unset: 1200, and none where `HOST` is a loopback address',
  ),
  MAX_KEY_REQUESTS_PER_MINUTE: variable<number | undefined>(
    whole('requests', 0, 10_000_000),
    undefined,
    SESSION_API,
    'The same for one key of `API_KEYS`, whose address is not counted; 0 is no limit. Unset: 60000, and none where `HOST` is a loopback address',
  ),
  MAX_SESSIONS_CREATED_PER_MINUTE: variable<number | undefined>(
    whole('sessions', 0, 1_000_000),
    undefined,
    PUBLIC,
    'Sessions that one client address, and one `sub`, may create through the API in a minute, counted over all its processes; 0 is no limit. Unset: 600, and none where `HOST` is a loopback address',
  ),
  MAX_EVENT_LOOP_LAG_MS: variable(
    wholeOrZero('milliseconds', 20, 60_000),
    500,
    PUBLIC,
    'Milliseconds: while most timers run later than this, new members and requests are refused with 503; 0 is no limit',
  ),
  MAX_MEMORY_BYTES: variable<number | undefined>(
    wholeOrZero('bytes', 128 * MIB, 1024 * GIB),
    undefined,
    PUBLIC,
    "Memory in use above which new members and requests are refused with 503, in bytes (default nine tenths of the container's limit, where there is one); 0 is no limit",
  ),
  ...ACCESS_VARIABLES,
  SESSION_ENCRYPTION_KEYS: variable<EncryptionSettings>(
    encryptionKeys,
    { keys: [], seals: false },
    PUBLIC,
    'Keys that message contents and custom data are encrypted with in Redis and on its channels (AES-256-GCM), as `NAME:BASE64` of 32 bytes, separated by commas, at most 8: the first one writes, all of them read. With `clear` before them what is written stays in clear, and what was encrypted is still read. Unset: nothing is encrypted. The same for all gateways and APIs of a deployment',
    '',
  ),
  AUDIT_INTERVAL_SECONDS: variable(whole('seconds', 1, 86_400), 300, SWEEPER, 'Seconds between two audits'),
  AUDIT_GRACE_SECONDS: variable(
    whole('seconds', 0, 86_400),
    60,
    SWEEPER,
    'Seconds a log without a session is left alone before it is removed; 0 is no wait',
  ),
  AUDIT_DRY_RUN: variable(flag, false, SWEEPER, '`true`: audits report and repair nothing'),
  INSTANCE_COLOR: variable(
    oneOf(['blue', 'green']),
    'blue',
    ALL,
    '`blue` or `green`: which side of a rollout this process is',
  ),
  DRAIN_SECONDS: variable(
    seconds(0, 3600),
    30,
    PUBLIC,
    'Seconds a stopping process gives its members to move; 0 is no wait',
  ),
  LOG_LEVEL: variable(
    oneOf(['info', 'trace', 'debug', 'warn', 'error', 'fatal', 'silent']),
    'info',
    ALL,
    '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`',
  ),
  LOG_FORMAT: variable(
    oneOf(['json', 'console']),
    'json',
    ALL,
    '`json`: one object a line; `console`: lines like `INFO: Session stored in Redis: …`',
  ),
  HOST: variable(
    host,
    '127.0.0.1',
    PUBLIC,
    'Address to listen on. Anything but loopback needs authentication or `AUTH_DISABLED=true`',
  ),
  PORT: variable(
    whole('', 0, 65_535),
    (service) => PORTS[service],
    PUBLIC,
    'Port to listen on; 0 takes any free one',
    '8100 (gateway), 8200 (session-api)',
  ),
  UWEBSOCKETS_PACKAGE: variable<string | undefined>(
    line,
    undefined,
    GATEWAY,
    'Package of uWebSockets.js, or the path of one, in place of the one that is installed; its binaries are not compared',
  ),
  ADMIN_HOST: variable(host, '127.0.0.1', ALL, 'Address of the admin port; never a public one'),
  ADMIN_TOKEN: variable<string | undefined>(
    adminToken,
    undefined,
    ALL,
    'What `POST /drain` at the admin port asks for, as `Authorization: Bearer …`: 16 to 512 characters. Unset: nothing',
  ),
  ADMIN_PORT: variable(
    whole('', 0, 65_535),
    (service) => ADMIN_PORTS[service],
    ALL,
    'Port of `/healthz`, `/readyz`, `/metrics` and `POST /drain`; 0 takes any free one',
    '9100 (gateway), 9200 (session-api), 9300 (sweeper)',
  ),
} as const satisfies Record<string, Variable<unknown>>;

export type VariableName = keyof typeof VARIABLES;

/** The value of each variable. */
export type Values = { readonly [N in VariableName]: (typeof VARIABLES)[N] extends Variable<infer T> ? T : never };

/**
 * Reads every variable; an unset or empty one has its default.
 *
 * @param mistakes gets one sentence for each value that is not allowed; its variable then has the default. No sentence
 *   repeats a value, which may be a secret.
 */
export function readEnvironment(
  service: ServiceName,
  env: Readonly<Record<string, string | undefined>>,
  mistakes: string[],
): Values {
  const values = Object.entries(VARIABLES).map(([name, spec]: [string, Variable<unknown>]) => {
    const fallback =
      typeof spec.fallback === 'function' ? (spec.fallback as (s: ServiceName) => unknown)(service) : spec.fallback;
    const text = env[name]?.trim();
    if (text === undefined || text === '') return [name, fallback];
    try {
      return [name, spec.parser.parse(text)];
    } catch (error) {
      mistakes.push(`${name} ${error instanceof Error ? error.message : String(error)}`);
      return [name, fallback];
    }
  });
  return Object.fromEntries(values) as Values;
}
