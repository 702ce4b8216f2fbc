import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, environmentMistakes, loadConfig } from './config.js';
import { ENVIRONMENT } from './environment-table.js';
import { isLoopback } from './loopback.js';
import type { ServiceName } from './variable.js';

const SERVICES: readonly ServiceName[] = ['gateway', 'session-api', 'sweeper'];

function mistakesOf(env: Record<string, string | undefined>, service: ServiceName = 'gateway'): readonly string[] {
  try {
    loadConfig(service, env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(environmentMistakes(service, env)).toEqual(error.mistakes);
    return error.mistakes;
  }
}

describe('loadConfig', () => {
  it.each([
    [{}, 0],
    [{ HOST: '::1' }, 0],
    [{ HOST: '0.0.0.0', AUTH_DISABLED: 'true' }, 600],
    [{ HOST: '0.0.0.0', AUTH_DISABLED: 'true', MAX_SESSIONS_CREATED_PER_MINUTE: '0' }, 0],
    [{ MAX_SESSIONS_CREATED_PER_MINUTE: '7' }, 7],
  ])('M2: with %o an address may create %d sessions a minute', (env, most) => {
    for (const service of ['gateway', 'session-api'] as const) {
      expect(loadConfig(service, env).limits.sessionsCreatedPerMinute).toBe(most);
    }
  });

  it('has the documented defaults', () => {
    expect(loadConfig('gateway', {})).toEqual({
      service: 'gateway',
      color: 'blue',
      instance: expect.stringMatching(/:9100$/),
      host: '127.0.0.1',
      port: 8100,
      adminHost: '127.0.0.1',
      adminHosts: [],
      adminPort: 9100,
      encryption: { keys: [], seals: false },
      drainSeconds: 30,
      log: { level: 'info', format: 'json' },
      redis: {
        mode: 'standalone',
        urls: ['redis://localhost:6379/0'],
        database: 0,
        keyPrefix: '',
        poolSize: 1,
        timeoutMs: 1000,
      },
      sessions: {
        ttl: 3600,
        maxTtl: 2592000,
        historyMax: 1000,
        maxBytes: 16777216,
        messageMaxBytes: 16384,
        heartbeatMs: 30000,
      },
      memory: { tailBytes: 67108864, outageBufferBytes: 67108864, maxBackpressureBytes: 1048576 },
      load: { eventLoopLagMs: 500, memoryBytes: undefined },
      limits: {
        messagesPerSecond: 100,
        connectionsPerIp: 0,
        connectionsPerSub: 1000,
        connectsPerSecond: 0,
        requestsPerMinute: 0,
        keyRequestsPerMinute: 0,
        sessionsCreatedPerMinute: 0,
      },
      apiKeys: [],
      trustProxy: false,
      allowedHosts: [],
      allowedOrigins: [],
      audit: { intervalSeconds: 300, graceSeconds: 60, dryRun: false },
    });
  });

  it.each([
    ['gateway', 8100, 9100],
    ['session-api', 8200, 9200],
    ['sweeper', 0, 9300],
  ] as const)('gives %s its own ports', (service, port, adminPort) => {
    expect(loadConfig(service, {})).toMatchObject({ port, adminPort });
  });

  it('reads every variable', () => {
    const config = loadConfig('session-api', {
      CHANNEL_REDIS_URL: 'rediss://u:p%40ss@s1:26379/2, rediss://u:p%40ss@s2/2',
      REDIS_MODE: 'sentinel',
      REDIS_SENTINEL_MASTER: 'holdfast',
      REDIS_KEY_PREFIX: 'team-a:chat.',
      REDIS_POOL_SIZE: '4',
      REDIS_TIMEOUT_MS: '250',
      REDIS_SESSION_TTL: '300',
      MAX_SESSION_TTL: '900',
      MESSAGE_HISTORY_MAX: '50',
      SESSION_MAX_BYTES: '8195',
      MESSAGE_MAX_BYTES: '1024',
      HEARTBEAT_INTERVAL: '2.5',
      PROXY_IDLE_SECONDS: '60',
      TAIL_BYTES: '8192',
      OUTAGE_BUFFER_BYTES: '8193',
      MAX_BACKPRESSURE_BYTES: '8194',
      MAX_MESSAGES_PER_SECOND: '0',
      MAX_CONNECTIONS_PER_IP: '7',
      MAX_CONNECTS_PER_SECOND: '8',
      MAX_EVENT_LOOP_LAG_MS: '20',
      MAX_MEMORY_BYTES: '134217728',
      TRUST_PROXY: 'true',
      ALLOWED_ORIGINS: 'https://Chat.example.org:443, http://localhost:5173,Capacitor://localhost',
      AUTH_DISABLED: 'true',
      AUDIT_INTERVAL_SECONDS: '9',
      AUDIT_GRACE_SECONDS: '0',
      AUDIT_DRY_RUN: 'true',
      INSTANCE_COLOR: 'green',
      DRAIN_SECONDS: '0.5',
      LOG_LEVEL: 'debug',
      LOG_FORMAT: 'console',
      HOST: '0.0.0.0',
      PORT: '81',
      ADMIN_HOST: '::1',
      ADMIN_PORT: '91',
    });
    expect(config).toMatchObject({
      color: 'green',
      instance: expect.stringMatching(/:91$/),
      host: '0.0.0.0',
      port: 81,
      adminHost: '::1',
      adminPort: 91,
      drainSeconds: 0.5,
      log: { level: 'debug', format: 'console' },
      redis: {
        mode: 'sentinel',
        urls: ['rediss://u:p%40ss@s1:26379/2', 'rediss://u:p%40ss@s2/2'],
        sentinelMaster: 'holdfast',
        database: 2,
        keyPrefix: 'team-a:chat.',
        poolSize: 4,
        timeoutMs: 250,
      },
      sessions: { ttl: 300, maxTtl: 900, historyMax: 50, maxBytes: 8195, messageMaxBytes: 1024, heartbeatMs: 2500 },
      memory: { tailBytes: 8192, outageBufferBytes: 8193, maxBackpressureBytes: 8194 },
      load: { eventLoopLagMs: 20, memoryBytes: 134217728 },
      limits: { messagesPerSecond: 0, connectionsPerIp: 7, connectsPerSecond: 8 },
      trustProxy: true,
      allowedOrigins: ['https://chat.example.org', 'http://localhost:5173', 'capacitor://localhost'],
      audit: { intervalSeconds: 9, graceSeconds: 0, dryRun: true },
    });
  });

  it('takes an empty variable as unset, as compose files pass it', () => {
    const empty = Object.fromEntries(ENVIRONMENT.map(({ name }) => [name, ' ']));
    expect(loadConfig('gateway', empty)).toEqual(loadConfig('gateway', {}));
  });

  it('reports all mistakes at once, in plain words', () => {
    const wrong = {
      PORT: '80800',
      REDIS_MODE: 'clustered',
      TRUST_PROXY: 'yes',
      DRAIN_SECONDS: '-1',
      LOG_LEVEL: 'loud',
    };
    expect(() => loadConfig('gateway', wrong)).toThrowError(
      [
        '5 settings are not right:',
        '  - REDIS_MODE must be standalone or sentinel or cluster',
        '  - TRUST_PROXY must be true or false',
        '  - DRAIN_SECONDS must be a number of seconds from 0 to 3600',
        '  - LOG_LEVEL must be info or trace or debug or warn or error or fatal or silent',
        '  - PORT must be a whole number from 0 to 65535',
      ].join('\n'),
    );
  });

  it.each([
    ['REDIS_SESSION_TTL', '0'],
    ['REDIS_SESSION_TTL', '1.5'],
    ['REDIS_SESSION_TTL', '1e3'],
    ['REDIS_SESSION_TTL', '0x10'],
    ['MESSAGE_MAX_BYTES', '16k'],
    ['MESSAGE_MAX_BYTES', '511'],
    ['SESSION_MAX_BYTES', '4095'],
    ['SESSION_MAX_BYTES', '16 MiB'],
    ['TAIL_BYTES', '0'],
    ['OUTAGE_BUFFER_BYTES', '0'],
    ['MAX_BACKPRESSURE_BYTES', '0'],
    ['HEARTBEAT_INTERVAL', '0'],
    ['MAX_EVENT_LOOP_LAG_MS', '19'],
    ['MAX_MEMORY_BYTES', '1'],
    ['MAX_MEMORY_BYTES', '1G'],
    ['HEARTBEAT_INTERVAL', '30s'],
    ['HOST', 'example.org:80'],
    ['HOST', 'http://example.org'],
    ['CHANNEL_REDIS_URL', 'localhost:6379'],
    ['CHANNEL_REDIS_URL', 'http://localhost:6379'],
    ['CHANNEL_REDIS_URL', 'redis://localhost/zero'],
    ['CHANNEL_REDIS_URL', 'redis://localhost/0?timeout=1'],
    ['CHANNEL_REDIS_URL', 'redis://:%zz@localhost/0'],
    ['CHANNEL_REDIS_URL', 'redis://localhost,'],
    ['REDIS_KEY_PREFIX', '{a}'],
    ['REDIS_KEY_PREFIX', 'a*'],
    ['REDIS_KEY_PREFIX', 'a[b]?'],
    ['REDIS_KEY_PREFIX', 'a@1'],
    ['REDIS_KEY_PREFIX', 'a b'],
    ['REDIS_KEY_PREFIX', 'é'],
    ['REDIS_KEY_PREFIX', 'a'.repeat(65)],
    ['ALLOWED_ORIGINS', '*'],
    ['ALLOWED_ORIGINS', 'https://example.org/'],
    ['ALLOWED_ORIGINS', 'example.org'],
    ['ALLOWED_ORIGINS', 'null'],
    ['ALLOWED_ORIGINS', 'wss://example.org'],
    ['ALLOWED_ORIGINS', 'tauri://localhost/index.html'],
    ['ALLOWED_ORIGINS', 'https://a.example,'],
  ])('refuses %s=%s', (name, value) => {
    expect(mistakesOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} must be `))]);
  });

  it.each([
    [{ CHANNEL_REDIS_URL: 'redis://a,redis://b' }, /several URLs/],
    [{ REDIS_MODE: 'sentinel' }, /REDIS_SENTINEL_MASTER must name the master/],
    [{ REDIS_SENTINEL_MASTER: 'm' }, /only REDIS_MODE sentinel/],
    [{ REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: 'redis://a/1' }, /only database 0/],
    [{ CHANNEL_REDIS_URL: 'redis://a/?sentinel_password=x' }, /credentials for Sentinels/],
    [{ REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: 'redis://a,rediss://b' }, /same scheme, user/],
    [{ REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: 'redis://:x@a,redis://:y@b' }, /same scheme, user/],
    [{ REDIS_SESSION_TTL: '100', MAX_SESSION_TTL: '99' }, /must not be more than MAX_SESSION_TTL/],
    [{ PORT: '9000', ADMIN_PORT: '9000' }, /^PORT and ADMIN_PORT must differ/],
    [{ SESSION_MAX_BYTES: '131071' }, /^SESSION_MAX_BYTES must be at least 8 times MESSAGE_MAX_BYTES/],
    [{ TAIL_BYTES: '131071' }, /^TAIL_BYTES must be at least 8 times MESSAGE_MAX_BYTES/],
    [{ OUTAGE_BUFFER_BYTES: '131071' }, /^OUTAGE_BUFFER_BYTES must be at least 8 times MESSAGE_MAX_BYTES/],
    [{ MAX_BACKPRESSURE_BYTES: '131071' }, /^MAX_BACKPRESSURE_BYTES must be at least 8 times MESSAGE_MAX_BYTES/],
    [{ MESSAGE_MAX_BYTES: '131073' }, /^MAX_BACKPRESSURE_BYTES must be at least 8 times MESSAGE_MAX_BYTES/],
    [{ PROXY_IDLE_SECONDS: '30' }, /^HEARTBEAT_INTERVAL must be less than PROXY_IDLE_SECONDS/],
    [{ PROXY_IDLE_SECONDS: '60', HEARTBEAT_INTERVAL: '60.5' }, /^HEARTBEAT_INTERVAL must be less/],
  ])('B6: refuses settings that do not fit together: %j', (env, mistake) => {
    expect(mistakesOf(env)).toEqual([expect.stringMatching(mistake)]);
  });

  it.each([
    { MESSAGE_MAX_BYTES: '512', TAIL_BYTES: '4096', OUTAGE_BUFFER_BYTES: '4096', MAX_BACKPRESSURE_BYTES: '4096' },
    { MESSAGE_MAX_BYTES: '131072' },
    { HEARTBEAT_INTERVAL: '29.9', PROXY_IDLE_SECONDS: '30' },
    { HEARTBEAT_INTERVAL: '3600', PROXY_IDLE_SECONDS: '0' },
    { PORT: '0', ADMIN_PORT: '0' },
    { PORT: '0', API_MANAGEMENT_PORT: '0' },
    // Of the session API only.
    { PORT: '8300', API_MANAGEMENT_PORT: '8300' },
  ])('B6: takes settings that just fit together: %j', (env) => {
    expect(mistakesOf(env)).toEqual([]);
  });

  it('M5: requests are limited on an address that others can reach', () => {
    const limits = (env: Record<string, string>) => {
      const { requestsPerMinute, keyRequestsPerMinute } = loadConfig('session-api', env).limits;
      return [requestsPerMinute, keyRequestsPerMinute];
    };
    const reachable = { HOST: '0.0.0.0', AUTH_DISABLED: 'true' };
    expect(limits({})).toEqual([0, 0]);
    expect(limits(reachable)).toEqual([1200, 60_000]);
    expect(limits({ ...reachable, MAX_REQUESTS_PER_MINUTE: '0', MAX_KEY_REQUESTS_PER_MINUTE: '5' })).toEqual([0, 5]);
  });

  it('M4: management has a port that nothing else has', () => {
    expect(loadConfig('session-api', { API_MANAGEMENT_PORT: '8201' }).managementPort).toBe(8201);
    expect(loadConfig('session-api', {})).not.toHaveProperty('managementPort');
    expect(mistakesOf({ API_MANAGEMENT_PORT: '8200' }, 'session-api')).toEqual([
      'API_MANAGEMENT_PORT and PORT must differ; leave it unset for one port',
    ]);
    expect(mistakesOf({ API_MANAGEMENT_PORT: '9200' }, 'session-api')).toEqual([
      expect.stringMatching(/^API_MANAGEMENT_PORT and ADMIN_PORT must differ/),
    ]);
  });

  it('M3: reads the keys of back ends', () => {
    const keys = ['a'.repeat(32), `${'b'.repeat(31)}!`];
    expect(loadConfig('session-api', { API_KEYS: ` ${keys.join(' , ')} ` }).apiKeys).toEqual(keys);
    expect(mistakesOf({ API_KEYS: 'S3CR3T' }, 'session-api')).toEqual([
      'API_KEYS must be keys of 32 to 512 printable characters without spaces, separated by commas, at most 8',
    ]);
  });

  it('B6: memory and heartbeats are not checked where they are not used', () => {
    const env = { MESSAGE_MAX_BYTES: '1048576', PROXY_IDLE_SECONDS: '1' };
    expect([...mistakesOf(env, 'session-api'), ...mistakesOf(env, 'sweeper')]).toEqual([]);
  });

  it('B6: where 0 is allowed it means that there is none, and the table says of what', () => {
    const zero = (name: string) =>
      mistakesOf({ [name]: '0' }).every((mistake) => !mistake.startsWith(`${name} must be`));
    const found = ENVIRONMENT.filter(({ name }) => zero(name)).map(({ name, meaning }) => [
      name,
      /\b0 (?:is no limit|is no wait|takes any free one)/.exec(meaning)?.[0],
    ]);
    expect(Object.fromEntries(found)).toEqual({
      PROXY_IDLE_SECONDS: '0 is no limit',
      MAX_MESSAGES_PER_SECOND: '0 is no limit',
      MAX_REQUESTS_PER_MINUTE: '0 is no limit',
      MAX_KEY_REQUESTS_PER_MINUTE: '0 is no limit',
      MAX_SESSIONS_CREATED_PER_MINUTE: '0 is no limit',
      MAX_CONNECTIONS_PER_IP: '0 is no limit',
      MAX_CONNECTIONS_PER_SUB: '0 is no limit',
      MAX_CONNECTS_PER_SECOND: '0 is no limit',
      MAX_EVENT_LOOP_LAG_MS: '0 is no limit',
      MAX_MEMORY_BYTES: '0 is no limit',
      AUDIT_GRACE_SECONDS: '0 is no wait',
      DRAIN_SECONDS: '0 is no wait',
      PORT: '0 takes any free one',
      API_MANAGEMENT_PORT: '0 takes any free one',
      ADMIN_PORT: '0 takes any free one',
    });
  });

  /** Some variables with such values. */
  const environments = (value: fc.Arbitrary<string>) =>
    fc
      .array(fc.tuple(fc.constantFrom(...ENVIRONMENT.map(({ name }) => name)), value), { maxLength: 6 })
      .map((pairs) => Object.fromEntries(pairs));

  it('never repeats a value, which may be a secret', () => {
    const secret = fc.string({ unit: 'grapheme-ascii', maxLength: 12 }).map((more) => `S3CR3T${more}`);
    fc.assert(
      fc.property(environments(secret), fc.constantFrom(...SERVICES), (env, service) => {
        expect(mistakesOf(env, service).join('\n')).not.toContain('S3CR3T');
      }),
    );
  });

  it('throws a ConfigError, and nothing else, whatever the environment holds', () => {
    const anything = fc.string({ unit: 'binary-ascii', maxLength: 24 });
    fc.assert(
      fc.property(environments(anything), fc.constantFrom(...SERVICES), (env, service) => {
        expect(Array.isArray(mistakesOf(env, service))).toBe(true);
      }),
    );
  });
});

describe('an address that others can reach', () => {
  it.each(['gateway', 'session-api'] as const)('%s refuses to serve it without authentication', (service) => {
    const [mistake, ...more] = mistakesOf({ HOST: '0.0.0.0' }, service);
    expect(mistake).toContain('AUTH_JWT_SECRET');
    expect(mistake).toContain('AUTH_DISABLED');
    expect(more).toEqual([]);
  });

  it('is served when AUTH_DISABLED=true says so', () => {
    expect(loadConfig('gateway', { HOST: '0.0.0.0', AUTH_DISABLED: 'true' }).host).toBe('0.0.0.0');
  });

  it('does not concern the sweeper, which has no public port', () => {
    expect(mistakesOf({ HOST: '0.0.0.0' }, 'sweeper')).toEqual([]);
  });

  it.each(['127.0.0.1', '127.8.9.10', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])(
    'is not %s',
    (host) => {
      expect(isLoopback(host)).toBe(true);
      expect(mistakesOf({ HOST: host })).toEqual([]);
    },
  );

  it.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '127.example.org', 'localhost.example.org', '::ffff:10.0.0.1'])(
    'is %s',
    (host) => {
      expect(isLoopback(host)).toBe(false);
      expect(mistakesOf({ HOST: host })).toHaveLength(1);
    },
  );
});

describe('tokens', () => {
  const SECRET = 's'.repeat(32);
  const OLD = `old-${'s'.repeat(508)}`;

  it('U1: are checked with one secret or several, of which the first is the newest', () => {
    expect(loadConfig('gateway', { AUTH_JWT_SECRET: SECRET }).auth).toEqual({
      secrets: [SECRET],
      maxTokenSeconds: 2_592_000,
    });
    expect(loadConfig('gateway', { AUTH_JWT_SECRET: ` ${SECRET} , ${OLD} ` }).auth?.secrets).toEqual([SECRET, OLD]);
  });

  it("U1, U3: are checked with the issuer's keys, for an audience and an issuer, also beside a secret", () => {
    const issuer = {
      AUTH_JWKS_URL: 'https://id.example/keys',
      AUTH_AUDIENCE: 'chat',
      AUTH_ISSUER: 'https://id.example',
    };
    const auth = {
      jwksUrl: 'https://id.example/keys',
      audience: 'chat',
      issuer: 'https://id.example',
      maxTokenSeconds: 2_592_000,
    };
    expect(loadConfig('session-api', issuer).auth).toEqual({ secrets: [], ...auth });
    expect(loadConfig('gateway', { ...issuer, AUTH_JWT_SECRET: SECRET }).auth).toEqual({ secrets: [SECRET], ...auth });
  });

  it('U12: live for 30 days at most unless the settings say otherwise', () => {
    const of = (seconds: string) => loadConfig('gateway', { AUTH_JWT_SECRET: SECRET, AUTH_MAX_TOKEN_SECONDS: seconds });
    expect(of('60').auth?.maxTokenSeconds).toBe(60);
    for (const seconds of ['0', '59', '1h', '-1', '1e9']) {
      expect(mistakesOf({ AUTH_MAX_TOKEN_SECONDS: seconds })).toEqual([
        'AUTH_MAX_TOKEN_SECONDS must be a whole number of seconds from 60 to 315360000',
      ]);
    }
  });

  it('are not asked for unless a setting says so', () => {
    expect(loadConfig('gateway', {}).auth).toBeUndefined();
  });

  it.each([
    ['API_KEYS', 'k'.repeat(31)],
    ['API_KEYS', `${SECRET},`],
    ['API_KEYS', `two words ${SECRET}`],
    ['API_KEYS', Array.from({ length: 9 }, () => SECRET).join(',')],
    ['API_MANAGEMENT_PORT', '65536'],
    ['AUTH_JWT_SECRET', 's'.repeat(31)],
    ['AUTH_JWT_SECRET', `${SECRET},short`],
    ['AUTH_JWT_SECRET', `${SECRET},`],
    ['AUTH_JWT_SECRET', 's'.repeat(513)],
    ['AUTH_JWT_SECRET', `two words ${SECRET}`],
    ['AUTH_JWT_SECRET', `${'ü'.repeat(32)}`],
    ['AUTH_JWT_SECRET', Array.from({ length: 9 }, () => SECRET).join(',')],
    ['AUTH_JWKS_URL', 'id.example/keys'],
    ['AUTH_JWKS_URL', 'http://id.example/keys'],
    ['AUTH_JWKS_URL', 'http://10.0.0.1/keys'],
    ['AUTH_JWKS_URL', 'http://169.254.169.254/latest/meta-data/'],
    ['AUTH_JWKS_URL', 'http://localhost.example/keys'],
    ['AUTH_JWKS_URL', 'http://localhost@id.example/keys'],
    ['AUTH_JWKS_URL', 'http://[::]/keys'],
    ['AUTH_JWKS_URL', 'https://user:password@id.example/keys'],
    ['AUTH_JWKS_URL', 'https://id.example/keys#fragment'],
    ['AUTH_JWKS_URL', 'file:///etc/passwd'],
    ['AUTH_JWKS_URL', 'data:application/json,{}'],
  ])('U1, U2: %s is refused as %s', (name, value) => {
    expect(mistakesOf({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} must be `))]);
  });

  it.each(['https://10.0.0.1/keys', 'http://127.0.0.1:8080/keys', 'http://[::1]/keys', 'http://localhost/keys?v=1'])(
    'U2: keys may be fetched from %s',
    (url) => {
      expect(loadConfig('gateway', { AUTH_JWKS_URL: url }).auth?.jwksUrl).toBe(url);
    },
  );

  it('let a process listen on any address', () => {
    expect(loadConfig('gateway', { HOST: '0.0.0.0', AUTH_JWT_SECRET: SECRET }).host).toBe('0.0.0.0');
    expect(loadConfig('session-api', { HOST: '::', AUTH_JWKS_URL: 'https://id.example/' }).host).toBe('::');
  });

  it.each(SERVICES)('are not asked for and ignored at once: %s', (service) => {
    for (const set of [{ AUTH_JWT_SECRET: SECRET }, { AUTH_JWKS_URL: 'https://id.example/' }]) {
      expect(mistakesOf({ ...set, AUTH_DISABLED: 'true' }, service)).toEqual([
        expect.stringMatching(/^AUTH_DISABLED is true, and AUTH_JWT_SECRET or AUTH_JWKS_URL is set/),
      ]);
    }
    for (const set of [{ AUTH_AUDIENCE: 'chat' }, { AUTH_ISSUER: 'https://id.example' }]) {
      expect(mistakesOf(set, service)).toEqual([expect.stringMatching(/nobody is asked for a token$/)]);
    }
  });
});

describe('SESSION_ENCRYPTION_KEYS', () => {
  const [one, two] = ['a', 'b'].map((letter) => Buffer.alloc(32, letter).toString('base64'));
  const encryptionOf = (keys: string) =>
    loadConfig('gateway', { AUTH_DISABLED: 'true', SESSION_ENCRYPTION_KEYS: keys }).encryption;

  it('E1: the first key writes and all of them read; with "clear" before them none writes', () => {
    const keys = [
      { kid: 'new-1', key: Buffer.alloc(32, 'a') },
      { kid: 'old_1', key: Buffer.alloc(32, 'b') },
    ];
    expect(encryptionOf(`new-1:${one},old_1:${two}`)).toEqual({ keys, seals: true });
    expect(encryptionOf(`clear, new-1:${one?.replace('=', '')}, old_1:${two}`)).toEqual({ keys, seals: false });
    expect(loadConfig('gateway', { AUTH_DISABLED: 'true' }).encryption).toEqual({ keys: [], seals: false });
  });

  it.each([
    ['no name', `${one}`],
    ['an empty name', `:${one}`],
    ['a name with a dot', `a.b:${one}`],
    ['a name of 33 letters', `${'k'.repeat(33)}:${one}`],
    ['a name twice', `a:${one},a:${two}`],
    ['16 bytes', `a:${Buffer.alloc(16).toString('base64')}`],
    ['33 bytes', `a:${Buffer.alloc(33).toString('base64')}`],
    ['no base64', `a:${'!'.repeat(44)}`],
    ['nothing behind a comma', `a:${one},`],
    ['nine keys', Array.from({ length: 9 }, (_, n) => `k${n}:${one}`).join(',')],
    ['no key', 'clear'],
    ['"clear" at the end', `a:${one},clear`],
  ])('E1: says what is wrong, without the value: %s', (_name, keys) => {
    const [mistake, ...others] = mistakesOf({ SESSION_ENCRYPTION_KEYS: keys }, 'gateway');
    expect([mistake, others]).toEqual([expect.stringMatching(/^SESSION_ENCRYPTION_KEYS must be keys of the form/), []]);
    expect(mistake).not.toContain(one);
  });
});

describe('ALLOWED_HOSTS', () => {
  const hostsOf = (env: Record<string, string>) => {
    const { allowedHosts, adminHosts } = loadConfig('gateway', { AUTH_DISABLED: 'true', ...env });
    return { allowedHosts, adminHosts };
  };

  it('N2: on a loopback address only names that are listed pass beside its own, and the hosts of ALLOWED_ORIGINS', () => {
    expect(hostsOf({})).toEqual({ allowedHosts: [], adminHosts: [] });
    const listed = hostsOf({
      ALLOWED_HOSTS: 'Chat.example., [2001:DB8::0]',
      ALLOWED_ORIGINS: 'https://page.example:8443',
    });
    expect(listed.allowedHosts).toEqual(['chat.example', '[2001:db8::]', 'page.example']);
    expect(hostsOf({ ALLOWED_HOSTS: '*' }).allowedHosts).toBe('any');
  });

  it('N2, N3: on another address any name passes, unless some are listed; at the admin port always', () => {
    const outside = { HOST: '0.0.0.0', ADMIN_HOST: '0.0.0.0' };
    expect(hostsOf(outside)).toEqual({ allowedHosts: 'any', adminHosts: 'any' });
    const listed = hostsOf({ ...outside, ALLOWED_HOSTS: 'chat.example' });
    expect(listed).toEqual({ allowedHosts: ['chat.example'], adminHosts: 'any' });
    expect(hostsOf({ HOST: '0.0.0.0' }).adminHosts, 'the admin port is on loopback').toEqual([]);
  });

  it.each(['chat.example:8000', 'https://chat.example', 'chat.example/x', 'a b', '[::1]:80', 'x,', ','])(
    'refuses %j',
    (ALLOWED_HOSTS) => {
      expect(mistakesOf({ ALLOWED_HOSTS })).toEqual([expect.stringMatching(/^ALLOWED_HOSTS must be host names like/)]);
    },
  );

  it.each(['short', 'with spaces in between', 'x'.repeat(513)])('N3: refuses %j as ADMIN_TOKEN', (ADMIN_TOKEN) => {
    expect(mistakesOf({ ADMIN_TOKEN })).toEqual([expect.stringMatching(/^ADMIN_TOKEN must be 16 to 512 printable/)]);
  });
});
