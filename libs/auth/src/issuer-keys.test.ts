import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IssuerKeys } from './issuer-keys.js';
import { TokenVerifier } from './token-verifier.js';

interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly jwk: Record<string, unknown>;
  sign(claims?: Record<string, unknown>): Promise<string>;
}

async function newKey(alg: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return {
    alg,
    kid,
    jwk: { ...(await exportJWK(publicKey)), kid },
    sign: (claims = {}) =>
      new SignJWT({ sub: 'user-1', sessions: ['*'], ...claims })
        .setProtectedHeader({ alg, kid })
        .setExpirationTime('1h')
        .sign(privateKey),
  };
}

const [first, second, rsa] = await Promise.all([newKey('ES256', 'k1'), newKey('EdDSA', 'k2'), newKey('RS256', 'k3')]);

/** What has to be closed at the end of a test. */
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0)) await close();
});

/** An issuer at which every test can do as it likes. */
class Issuer {
  keys: readonly Record<string, unknown>[] = [first.jwk];
  /** Instead of the keys. */
  answer: RequestListener | undefined;
  requests = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      if (this.answer) this.answer(request, response);
      else response.end(JSON.stringify({ keys: this.keys }));
    });
    opened.push(() => this.close());
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/keys`;
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

/** Keys of an issuer with a clock that the test moves. */
class Subject {
  nowMs = 0;
  readonly problems: string[] = [];
  readonly keys: IssuerKeys;

  /** Looked at anew with each request. */
  timeoutMs = 5_000;

  constructor(url: string) {
    const onProblem = (problem: string) => this.problems.push(problem);
    const timeoutMs = () => this.timeoutMs;
    this.keys = new IssuerKeys({
      url,
      get timeoutMs() {
        return timeoutMs();
      },
      onProblem,
      now: () => this.nowMs,
    });
    opened.push(() => this.keys.close());
  }

  async finds({ alg, kid }: { alg: string; kid?: string }): Promise<boolean> {
    try {
      const header = { alg, ...(kid !== undefined && { kid }) };
      return (await this.keys.keyFor(header, { payload: '', signature: '' })).type === 'public';
    } catch {
      return false;
    }
  }
}

async function subject(issuer: Issuer): Promise<Subject> {
  const made = new Subject(issuer.url);
  await made.keys.start();
  return made;
}

it('U1, U2: tokens of the issuer are accepted with ES256, EdDSA and RS256 alike', async () => {
  const issuer = await new Issuer().listen();
  issuer.keys = [first.jwk, second.jwk, rsa.jwk];
  const verifier = new TokenVerifier({ secrets: [], jwksUrl: issuer.url });
  opened.push(() => verifier.close());
  await verifier.start();
  for (const key of [first, second, rsa]) {
    expect(await verifier.verify(await key.sign()), key.alg).toMatchObject({ ok: true, identity: { sub: 'user-1' } });
  }
  const stranger = await newKey('ES256', 'k1');
  expect(await verifier.verify(await stranger.sign())).toMatchObject({ ok: false, refusal: { code: 'signature' } });
  expect(issuer.requests).toBe(1);
});

it('U2: a new key is found with the first token that names it, and an unknown one asked for once a minute', async () => {
  const issuer = await new Issuer().listen();
  const one = await subject(issuer);
  issuer.requests = 0;
  issuer.keys = [first.jwk, second.jwk];
  expect(await Promise.all([one.finds(second), one.finds(second), one.finds(first)])).toEqual([true, true, true]);
  expect(issuer.requests).toBe(1);
  for (let attempt = 0; attempt < 50; attempt++)
    expect(await one.finds({ alg: 'ES256', kid: `x${attempt}` })).toBe(false);
  expect(issuer.requests).toBe(1);
  one.nowMs = 60_000;
  await Promise.all(Array.from({ length: 50 }, (_, n) => one.finds({ alg: 'ES256', kid: `y${n}` })));
  expect(issuer.requests).toBe(2);
});

it('U2: also an issuer that fails is asked once a minute for unknown keys', async () => {
  const issuer = await new Issuer().listen();
  const one = await subject(issuer);
  issuer.answer = (_request, response) => response.writeHead(500).end();
  for (let attempt = 0; attempt < 20; attempt++) await one.finds({ alg: 'ES256', kid: `x${attempt}` });
  expect(issuer.requests).toBe(2);
  expect(await one.finds(first)).toBe(true);
});

it('U2: a key that the issuer has taken back counts no more after the next request', async () => {
  const issuer = await new Issuer().listen();
  const one = await subject(issuer);
  expect(await one.finds(first)).toBe(true);
  issuer.keys = [second.jwk];
  await one.finds(second);
  expect(await one.finds(first)).toBe(false);
});

it.each<[string, RequestListener, RegExp]>([
  ['answers 404', (_request, response) => void response.writeHead(404).end('{"keys":[]}'), /status 404/],
  ['answers what is not JSON', (_request, response) => void response.end('<html>'), /^the answer is not JSON$/],
  ['answers no set of keys', (_request, response) => void response.end('{"keys":{}}'), /malformed/],
  ['answers no keys', (_request, response) => void response.end('{"keys":[]}'), /has no keys/],
  [
    'answers very many keys',
    (_request, response) => void response.end(JSON.stringify({ keys: Array.from({ length: 101 }, () => first.jwk) })),
    /more than 100 keys/,
  ],
  ['answers a nest', (_request, response) => void response.end('['.repeat(200_000)), /not JSON/],
  ['hangs up', (request) => void request.socket.destroy(), /./],
  ['is silent', () => undefined, /timeout/],
  [
    'begins to answer and stops',
    (_request, response) => {
      response.write('{"keys":[');
    },
    /timeout/,
  ],
  [
    'never ends',
    (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
        response.once('drain', more);
      };
      more();
    },
    /more than 262144 bytes/,
  ],
])('U2: while the issuer %s the last good keys count', async (_what, answer, problem) => {
  const issuer = await new Issuer().listen();
  const one = await subject(issuer);
  one.timeoutMs = problem.source === 'timeout' ? 200 : 5_000;
  issuer.answer = answer;
  expect(await one.finds({ alg: 'ES256', kid: 'unknown' })).toBe(false);
  expect(one.problems).toEqual([expect.stringMatching(problem)]);
  expect(await one.finds(first)).toBe(true);
});

it.each([301, 302, 303, 307, 308])('U2: a redirect (%d) is not followed, also not on the same host', async (status) => {
  const [issuer, elsewhere] = [await new Issuer().listen(), await new Issuer().listen()];
  for (const location of [elsewhere.url, '/others', 'file:///etc/passwd']) {
    issuer.answer = (_request, response) => void response.writeHead(status, { location }).end();
    const one = await subject(issuer);
    expect(one.problems).toEqual([`the answer has status ${status}, where 200 is expected`]);
    expect(await one.finds(first)).toBe(false);
  }
  expect([elsewhere.requests, issuer.requests]).toEqual([0, 3]);
});

it('U2: an issuer that is away at the start is asked again until it is there; tokens are not checked until then', async () => {
  const issuer = await new Issuer().listen();
  const { url } = issuer;
  await issuer.close();
  const verifier = new TokenVerifier({ secrets: [], jwksUrl: url });
  opened.push(() => verifier.close());
  await verifier.start();
  const token = await first.sign();
  expect(await verifier.verify(token)).toMatchObject({ ok: false, refusal: { code: 'unavailable' } });
  await new Issuer().listen(Number(new URL(url).port));
  await expect.poll(async () => (await verifier.verify(token)).ok, { timeout: 5_000 }).toBe(true);
});

it('U1, U2: secrets and private keys in the set are never used', async () => {
  const issuer = await new Issuer().listen();
  issuer.keys = [
    { kty: 'oct', kid: 'k1', k: 'c2VjcmV0LW9mLWF0LWxlYXN0LTMyLWJ5dGVzLWxvbmc', alg: 'HS256' },
    { ...first.jwk, kid: 'private', d: 'AAAA' },
    { ...first.jwk, kid: 'encrypts', use: 'enc' },
  ];
  const one = await subject(issuer);
  for (const header of [
    { alg: 'HS256', kid: 'k1' },
    { alg: 'ES256', kid: 'private' },
    { alg: 'ES256', kid: 'encrypts' },
  ]) {
    expect(await one.finds(header), header.kid).toBe(false);
  }
});

it('U2: a token that does not name its key is accepted where only one fits', async () => {
  const issuer = await new Issuer().listen();
  issuer.keys = [first.jwk, second.jwk];
  const one = await subject(issuer);
  expect(await one.finds({ alg: 'ES256' })).toBe(true);
  issuer.keys = [first.jwk, { ...first.jwk, kid: 'k9' }];
  const other = await subject(issuer);
  expect(await other.finds({ alg: 'ES256' })).toBe(false);
});

describe('in the background', () => {
  /** When requests were made, in seconds since the start. The clock is the test's, and so is the issuer. */
  const atSeconds: number[] = [];
  let answer: () => Response;
  let keys: IssuerKeys;
  const problems: string[] = [];
  const good = () => new Response(JSON.stringify({ keys: [first.jwk] }));
  const bad = () => new Response('', { status: 500 });
  const finds = (kid: string) =>
    keys.keyFor({ alg: 'ES256', kid }, { payload: '', signature: '' }).then(
      () => true,
      () => false,
    );

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const startMs = performance.now();
    atSeconds.length = 0;
    problems.length = 0;
    answer = good;
    vi.stubGlobal('fetch', async () => {
      atSeconds.push((performance.now() - startMs) / 1000);
      return answer();
    });
    keys = new IssuerKeys({ url: 'http://127.0.0.1/keys', onProblem: (problem) => problems.push(problem) });
    await keys.start();
  });
  afterEach(() => {
    keys.close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('U2: the keys are asked for every five minutes', async () => {
    await vi.advanceTimersByTimeAsync(900_000);
    expect(atSeconds).toEqual([0, 300, 600, 900]);
    answer = () => new Response(JSON.stringify({ keys: [second.jwk] }));
    await vi.advanceTimersByTimeAsync(300_000);
    expect([await finds('k1'), problems]).toEqual([false, []]);
  });

  it('U2: a failed request is repeated after a second, then after twice as long each time, up to a minute', async () => {
    answer = bad;
    await vi.advanceTimersByTimeAsync(300_000 + 243_000);
    expect(atSeconds).toEqual([0, ...[0, 1, 3, 7, 15, 31, 63, 123, 183, 243].map((later) => 300 + later)]);
    expect([problems.length, await finds('k1')]).toEqual([10, true]);
    // After a good answer it is five minutes again, and a second after the next bad one.
    answer = good;
    await vi.advanceTimersByTimeAsync(60_000);
    answer = bad;
    await vi.advanceTimersByTimeAsync(301_000);
    expect(atSeconds.slice(-3)).toEqual([603, 903, 904]);
  });

  it('U2: an unknown key brings the next request forward, once a minute, and five minutes begin anew with it', async () => {
    await vi.advanceTimersByTimeAsync(100_000);
    for (let attempt = 0; attempt < 5; attempt++) expect(await finds(`x${attempt}`)).toBe(false);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(await finds('y')).toBe(false);
    expect(atSeconds).toEqual([0, 100]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await finds('z')).toBe(false);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(atSeconds).toEqual([0, 100, 160, 460]);
  });

  it('U2: nothing is asked for after the end', async () => {
    keys.close();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(atSeconds).toEqual([0]);
  });
});
