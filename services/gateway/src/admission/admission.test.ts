import { describe, expect, it } from 'vitest';
import { UPGRADE } from '../../test/support/world.js';
import {
  Admission,
  type AdmissionOptions,
  type Admitted,
  isRefusal,
  type Refusal,
  type UpgradeRequest,
} from './admission.js';

let clockMs = 0;
const OPEN: AdmissionOptions = {
  allowedOrigins: [],
  allowedHosts: 'any',
  trustProxy: false,
  connectionsPerIp: 0,
  connectionsPerSub: 0,
  connectsPerSecond: 0,
  now: () => clockMs,
  newId: () => 'made-up',
};

function admission(options: Partial<AdmissionOptions> = {}): Admission {
  clockMs = 0;
  return new Admission({ ...OPEN, ...options });
}

function decide(upgrade: Partial<UpgradeRequest>, of = admission(), nowMs = 0): Admitted | Refusal {
  clockMs = nowMs;
  const decision = of.decide({ ...UPGRADE, ...upgrade });
  if (decision instanceof Promise) throw new Error('nobody is asked for a token');
  return decision;
}

function admitted(upgrade: Partial<UpgradeRequest>, of?: Admission, nowMs?: number): Admitted {
  const decision = decide(upgrade, of, nowMs);
  if (isRefusal(decision)) throw new Error(decision.body.error);
  return decision;
}

function refused(upgrade: Partial<UpgradeRequest>, of?: Admission, nowMs?: number): Refusal {
  const decision = decide(upgrade, of, nowMs);
  if (!isRefusal(decision)) throw new Error('the request was admitted');
  return decision;
}

describe('many connects at once', () => {
  const resume = { lastSeq: 3, lastId: 'm3', epoch: 'e1' };
  const resumes = (session: string) => ({
    query: `session=${session}&redis_persistence=true&last_seq=3&last_id=m3&epoch=e1`,
  });

  it('B5, C4: while many wait for their welcome new members are refused, and returning ones only when very many wait', () => {
    const gate = admission();
    for (let n = 0; n < 2_000; n++) admitted({}, gate);
    const refusal = refused({}, gate);
    expect([refusal.status, refusal.body.code, refusal.retryAfterSeconds]).toEqual([503, 'overloaded', 2]);
    for (let n = 2_000; n < 30_000; n++) admitted(resumes(`s${n % 2}`), gate);
    expect(refused(resumes('s2'), gate).body.code).toBe('overloaded');
    gate.welcomed({ sessionId: 's1', resume });
    admitted(resumes('s2'), gate);
    expect(refused({}, gate).status).toBe(503);
    gate.welcomed({});
    admitted({}, gate);
  });

  it('B5, C4: returning members that wait keep no new one out', () => {
    const gate = admission();
    for (let n = 0; n < 10_000; n++) admitted(resumes(`s${n}`), gate);
    for (let n = 0; n < 2_000; n++) admitted({ query: `session=new${n}` }, gate);
    expect(refused({}, gate).status).toBe(503);
    gate.welcomed({ sessionId: 's1', resume });
    expect(refused({}, gate).status).toBe(503);
    gate.welcomed({ sessionId: 'new1' });
    admitted({}, gate);
  });

  it('B5, C4: one session that thousands join keeps neither new nor returning members out of another one', () => {
    const gate = admission();
    for (let n = 0; n < 2_000; n++) admitted({ query: 'session=crowd' }, gate);
    for (let n = 0; n < 2_000; n++) admitted({}, gate);
    expect(refused({ query: 'session=crowd' }, gate).status).toBe(503);
    for (let n = 2_000; n < 20_000; n++) admitted(resumes('crowd'), gate);
    expect(refused(resumes('crowd'), gate).status).toBe(503);
    for (let n = 0; n < 1_600; n++) admitted({ query: `session=quiet${n}` }, gate);
    admitted(resumes('quiet'), gate);
    expect(refused({ query: 'session=late' }, gate).status).toBe(503);
    for (let n = 0; n < 2_000; n++) gate.welcomed({ sessionId: 'crowd' });
    for (let n = 2_000; n < 20_000; n++) gate.welcomed({ sessionId: 'crowd', resume });
    admitted({ query: 'session=late' }, gate);
    admitted({ query: 'session=crowd' }, gate);
  });
});

describe('a process that is short of something', () => {
  it.each([
    ['memory', 'short of memory'],
    ['event_loop', 'busy'],
    ['descriptors', 'too many connections'],
  ] as const)('B7, C4: without enough %s new members are refused with 503 and Retry-After', (resource, sentence) => {
    const gate = admission({ resources: { shortage: (isReturning) => (isReturning ? undefined : resource) } });
    const refusal = refused({}, gate);
    expect([refusal.status, refusal.body.code, refusal.retryAfterSeconds]).toEqual([503, 'overloaded', 5]);
    expect(refusal.body.error).toContain(sentence);
    admitted({ query: 'session=s&redis_persistence=true&last_seq=3&last_id=m3&epoch=e1' }, gate);
  });
});

describe('what a client asks for', () => {
  it('C1: without a query: a session of its own, nothing stored', () => {
    expect(admitted({}).request).toEqual({ redisPersistence: false, presence: false });
  });

  it('C1: every parameter of the query', () => {
    const query =
      'session=s1&redis_persistence=true&presence=true&client=0123456789abcdef&last_seq=7&last_id=m7&epoch=e1&token=t';
    expect(admitted({ query }).request).toEqual({
      sessionId: 's1',
      redisPersistence: true,
      presence: true,
      client: '0123456789abcdef',
      token: 't',
      resume: { lastSeq: 7, lastId: 'm7', epoch: 'e1' },
    });
  });

  it.each([
    ['session', 'session='],
    ['session', 'session=a%20b'],
    ['session', 'session=a/b'],
    ['session', `session=${'x'.repeat(129)}`],
    ['session', 'session=.'],
    ['session', 'session=%2E%2e'],
    ['redis_persistence', 'session=s&redis_persistence=yes'],
    ['presence', 'presence=1'],
    ['last_seq', 'last_seq=-1'],
    ['last_seq', 'last_seq=1.5'],
    ['last_seq', 'last_seq=99999999999999999999'],
    ['last_id', 'last_seq=1&last_id=a%20b'],
    ['client', 'client=short'],
    ['client', `client=${'x'.repeat(65)}`],
    ['epoch', `last_seq=1&epoch=${'e'.repeat(65)}`],
    ['percent-encoding', 'session=%zz'],
  ])('C2: a bad %s is refused with 400 and the JSON of H3: %s', (field, query) => {
    const { status, body } = refused({ query });
    expect(status).toBe(400);
    expect(body).toEqual({ success: false, code: 'bad_request', error: expect.stringContaining(field) });
  });

  it.each([
    ['', 'plain'],
    ['holdfast.v1', 'framed'],
    ['chat, holdfast.v1', 'framed'],
    ['holdfast.v1,holdfast.v2', 'framed'],
  ])('C3: "%s" offered is the %s protocol', (protocolHeader, protocol) => {
    expect(admitted({ protocolHeader }).protocol).toBe(protocol);
  });

  it.each(['chat', 'holdfast.v2', 'HOLDFAST.V1', ','])(
    'C3: only "%s" offered is refused with 400',
    (protocolHeader) => {
      expect(refused({ protocolHeader })).toMatchObject({ status: 400, body: { code: 'bad_request' } });
    },
  );
});

describe('hosts', () => {
  const origin = 'http://evil.example';

  it.each(['evil.example', 'evil.example:8100', '127.0.0.1.evil.example', '', 'a b', 'localhost,evil.example'])(
    'N2: a name that is not served is refused with 403, also for a page of the same name: %j',
    (host) => {
      const served = admission({ allowedHosts: [] });
      for (const of of [{ host }, { host, origin }]) {
        expect(refused(of, served)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
      }
    },
  );

  it.each(['localhost', 'LOCALHOST:8100', 'localhost.', '127.0.0.1:8100', '127.1', '[::1]:8100', 'a.localhost:1'])(
    'N2: a loopback name is served: %s',
    (host) => {
      expect(isRefusal(decide({ host }, admission({ allowedHosts: [] })))).toBe(false);
    },
  );

  it('N2: so are names that are listed, and any where none has to be', () => {
    const listed = admission({ allowedHosts: ['chat.example'] });
    expect(isRefusal(decide({ host: 'Chat.example:443' }, listed))).toBe(false);
    expect(refused({ host: 'a.chat.example' }, listed).status).toBe(403);
    expect(isRefusal(decide({ host: 'evil.example' }, admission({ allowedHosts: 'any' })))).toBe(false);
  });
});

describe('origins', () => {
  it('C4: a request without one passes: it is not from a browser', () => {
    expect(isRefusal(decide({ origin: '' }, admission({ allowedOrigins: ['https://a.example'] })))).toBe(false);
  });

  it.each(['https://chat.example', 'http://chat.example'])('C4: %s passes by default at its own host', (origin) => {
    expect(isRefusal(decide({ origin, host: 'chat.example' }))).toBe(false);
  });

  it.each([
    ['https://evil.example', 'chat.example'],
    ['https://chat.example.evil.example', 'chat.example'],
    ['https://chat.example:8443', 'chat.example'],
    ['https://chat.example', 'chat.example:8000'],
    ['null', 'chat.example'],
    ['file://chat.example', 'chat.example'],
  ])('C4: %s is refused with 403 at host %s', (origin, host) => {
    expect(refused({ origin, host })).toMatchObject({ status: 403, body: { success: false, code: 'forbidden' } });
  });

  it('C4: the host behind a trusted proxy is that of X-Forwarded-Host', () => {
    const upgrade = { origin: 'https://Chat.example:443', host: 'gateway:8100', forwardedHost: 'chat.example' };
    expect(isRefusal(decide(upgrade, admission({ trustProxy: true })))).toBe(false);
    expect(refused(upgrade).status).toBe(403);
    expect(
      refused({ ...upgrade, forwardedHost: 'chat.example, evil.example' }, admission({ trustProxy: true })).status,
    ).toBe(403);
  });

  it('C4: with ALLOWED_ORIGINS exactly those pass, the same host too only when it is named', () => {
    const listed = admission({ allowedOrigins: ['https://a.example', 'https://b.example:8443'] });
    expect(isRefusal(decide({ origin: 'https://a.example' }, listed))).toBe(false);
    expect(isRefusal(decide({ origin: 'https://b.example:8443' }, listed))).toBe(false);
    for (const origin of ['http://a.example', 'https://b.example', 'https://chat.example']) {
      expect(refused({ origin }, listed).status).toBe(403);
    }
  });
});

describe('limits', () => {
  it('C4: another spelling or another port of an address is no other client', () => {
    const behindProxy = admission({ connectionsPerIp: 1, trustProxy: true });
    admitted({ forwardedFor: '203.0.113.1:1001' }, behindProxy);
    for (const forwardedFor of ['203.0.113.1', '203.0.113.1:1002', '::ffff:203.0.113.1', '[::ffff:cb00:7101]:1003']) {
      expect(refused({ forwardedFor }, behindProxy).status, forwardedFor).toBe(429);
    }
    const direct = admission({ connectionsPerIp: 1 });
    // As uWebSockets.js writes addresses.
    const { address } = admitted({ remoteAddress: '0000:0000:0000:0000:0000:ffff:c000:0201' }, direct);
    expect(address).toBe('192.0.2.1');
    expect(refused({ remoteAddress: '192.0.2.1' }, direct).status).toBe(429);
  });

  const retryAfter = expect.any(Number);

  it('C4: more than MAX_CONNECTIONS_PER_IP from one address are refused with 429 and Retry-After', () => {
    const limited = admission({ connectionsPerIp: 2 });
    const first = admitted({}, limited);
    admitted({}, limited);
    const refusal = refused({}, limited);
    expect(refusal).toMatchObject({ status: 429, body: { code: 'rate_limited' }, retryAfterSeconds: retryAfter });
    expect(refusal.retryAfterSeconds).toBeGreaterThan(0);
    admitted({ remoteAddress: '192.0.2.2' }, limited);
    limited.left(first.address, undefined);
    admitted({}, limited);
    expect(refused({}, limited).status).toBe(429);
  });

  it('C4: a refused connect does not count against MAX_CONNECTIONS_PER_IP', () => {
    const limited = admission({ connectionsPerIp: 1 });
    for (let i = 0; i < 5; i++) refused({ query: 'session=' }, limited);
    const { address } = admitted({}, limited);
    for (let i = 0; i < 5; i++) refused({}, limited);
    limited.left(address, undefined);
    admitted({}, limited);
  });

  it('C4: X-Forwarded-For counts with TRUST_PROXY only, and then its last address only', () => {
    const behindProxy = admission({ connectionsPerIp: 1, trustProxy: true });
    admitted({ forwardedFor: '203.0.113.1' }, behindProxy);
    admitted({ forwardedFor: '203.0.113.2' }, behindProxy);
    expect(refused({ forwardedFor: '198.51.100.9, 203.0.113.1' }, behindProxy).status).toBe(429);
    admitted({ forwardedFor: '' }, behindProxy);
    expect(refused({ forwardedFor: '' }, behindProxy).status).toBe(429);

    const direct = admission({ connectionsPerIp: 1 });
    admitted({ forwardedFor: '203.0.113.1' }, direct);
    expect(refused({ forwardedFor: '203.0.113.2' }, direct).status).toBe(429);
  });

  it('C4: more than MAX_CONNECTS_PER_SECOND are refused with 429 and Retry-After, until there is room again', () => {
    const limited = admission({ connectsPerSecond: 5 });
    for (let i = 0; i < 5; i++) admitted({}, limited);
    expect(refused({}, limited)).toMatchObject({ status: 429, retryAfterSeconds: 1, body: { code: 'rate_limited' } });
    admitted({}, limited, 200);
    expect(refused({}, limited, 200).status).toBe(429);
  });

  it('C4: a gateway that drains refuses with 503 and Retry-After', () => {
    const leaving = admission();
    leaving.draining = true;
    const refusal = refused({}, leaving);
    expect(refusal).toMatchObject({ status: 503, body: { success: false, code: 'draining' } });
    expect(refusal.retryAfterSeconds).toBeGreaterThan(0);
  });

  it('C4: nothing is limited by default', () => {
    const open = admission();
    for (let i = 0; i < 5_000; i++) {
      admitted({}, open);
      open.welcomed({});
    }
  });
});

describe('connections of one user', () => {
  const identity = (sub: string) => ({ ok: true, identity: { ...IDENTITY, sub } }) as const;
  const IDENTITY = {
    sub: '',
    mayEnter: () => true,
    mayEnterAll: true,
    canRead: true,
    canWrite: true,
    isAdmin: false,
    expiresAtMs: 1e12,
    issuedAtMs: undefined,
  };

  it('M7, C4: are limited on all addresses together, and given back when they end', async () => {
    let sub = 'ann';
    const gate = admission({ connectionsPerSub: 2, authentication: { identify: async () => identity(sub) } });
    const ask = async (remoteAddress: string) => gate.decide({ ...UPGRADE, remoteAddress });
    const first = await ask('192.0.2.1');
    expect(isRefusal(first) || isRefusal(await ask('192.0.2.2'))).toBe(false);
    const refusal = await ask('192.0.2.3');
    expect(refusal).toMatchObject({ status: 429, body: { code: 'rate_limited' }, retryAfterSeconds: 10 });
    sub = 'bob';
    expect(isRefusal(await ask('192.0.2.3'))).toBe(false);
    sub = 'ann';
    gate.left('', 'ann');
    expect(isRefusal(await ask('192.0.2.3'))).toBe(false);
    expect(isRefusal(await ask('192.0.2.3'))).toBe(true);
  });

  it('M7: nobody is counted without tokens, nor where the limit is off', async () => {
    const open = admission({ connectionsPerSub: 1 });
    for (let n = 0; n < 5; n++) admitted({}, open);
    const off = admission({ authentication: { identify: async () => identity('ann') } });
    for (let n = 0; n < 5; n++) expect(isRefusal(await off.decide(UPGRADE))).toBe(false);
  });
});
