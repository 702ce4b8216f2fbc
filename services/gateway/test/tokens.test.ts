import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { signToken } from '@holdfast/auth';
import {
  connectFramed,
  connectPlain,
  eventually,
  REPOSITORY,
  type RedisServer,
  registerCleanup,
  type ServiceProcess,
  startRedis,
  stopAll,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMessage, refusalOf, startGatewayProcess } from './support/gateway-process.js';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const OLD_SECRET = 'an-older-secret-of-at-least-thirty-two-bytes';

let redis: RedisServer;
let gateway: ServiceProcess;
let issuer: Server;
/** Its only source of keys answers nothing until the test lets it. */
let waiting: ServiceProcess;
let answerKeys: () => void;
beforeAll(async () => {
  const asked = new Promise<void>((resolve) => {
    issuer = createServer((_request, response) => {
      answerKeys = () => response.end('{"keys":[]}');
      resolve();
    });
  });
  await new Promise<void>((resolve) => {
    issuer.listen(0, '127.0.0.1', resolve);
  });
  registerCleanup('issuer', async () => {
    issuer.closeAllConnections();
    issuer.close();
  });
  redis = await startRedis();
  const { port } = issuer.address() as AddressInfo;
  [gateway, waiting] = await Promise.all([
    startGatewayProcess(redis.url, { AUTH_JWT_SECRET: `${SECRET},${OLD_SECRET}` }),
    startGatewayProcess(
      redis.url,
      { AUTH_JWKS_URL: `http://127.0.0.1:${port}/keys`, MAX_CONNECTIONS_PER_IP: '1' },
      'gateway without keys',
    ),
  ]);
  await asked;
});
afterAll(stopAll);

const tokenOf = (sub: string, ttl = 60, secret = SECRET): Promise<string> =>
  signToken(secret, { sub, sessions: ['team-*'], scope: 'read write', ttl });

const query = { session: 'team-1', redis_persistence: true };

describe('a connection whose token is checked', () => {
  it('U6, V1: gets its welcome, however many others come and go', async () => {
    const token = await tokenOf('many');
    for (let round = 0; round < 12; round++) {
      const clients = await Promise.all(
        Array.from({ length: 1 + (round % 4) * 8 }, (_, index) =>
          connectFramed(gateway.wsUrl, { query: { ...query, session: `team-${round}-${index}`, token } }),
        ),
      );
      for (const client of clients) await client.frames.next({ type: 'welcome' });
      for (const client of clients) await client.close();
    }
  });
});

describe('a gateway that asks for tokens', () => {
  it('U6: takes the token that `npm run token` prints', async () => {
    const args = ['services/local/dist/token-main.js', '--sub', 'dev', '--sessions', 'team-*'];
    const printed = execFileSync(process.execPath, args, { cwd: REPOSITORY, env: { AUTH_JWT_SECRET: SECRET } });
    const token = printed.toString().trim();
    const client = await connectFramed(gateway.wsUrl, { query: { ...query, token } });
    expect(await client.frames.next()).toMatchObject({ type: 'welcome', sender: 'dev' });
    await client.close();
  });

  it('U6, C4: refuses who has none with 401, and who has one for another session with 403', async () => {
    const none = await refusalOf(connectFramed(gateway.wsUrl, { query }));
    expect([none.status, none.headers['www-authenticate'], none.json['code']]).toEqual([401, 'Bearer', 'unauthorized']);
    const token = await tokenOf('ann');
    const elsewhere = await refusalOf(connectPlain(gateway.wsUrl, { query: { session: 'other', token } }));
    expect([elsewhere.status, elsewhere.json['code']]).toEqual([403, 'forbidden']);
  });

  it('U1, U6, C7: lets everybody else in, by header, subprotocol or query, signed with either secret', async () => {
    const [one, two, three] = await Promise.all([tokenOf('ann'), tokenOf('bob', 60, OLD_SECRET), tokenOf('cem')]);
    const clients = await Promise.all([
      connectFramed(gateway.wsUrl, { query, headers: { authorization: `Bearer ${one}` } }),
      connectFramed(gateway.wsUrl, { query, protocols: ['holdfast.v1', `bearer.${two}`] }),
      connectFramed(gateway.wsUrl, { query: { ...query, token: three } }),
    ]);
    expect(clients.map(({ protocol }) => protocol)).toEqual(['holdfast.v1', 'holdfast.v1', 'holdfast.v1']);
    const welcomes = await Promise.all(clients.map(({ frames }) => frames.next()));
    expect(welcomes.map(({ sender }) => sender)).toEqual(['ann', 'bob', 'cem']);
    const [first, second] = clients;
    first?.send({ type: 'send', id: 'm1', content: 'hello' });
    expect(await second?.frames.next(isMessage)).toMatchObject({ sender: 'ann', content: 'hello' });
    await Promise.all(clients.map((client) => client.close()));
  });

  it('U8, V22: closes with 4401 at the second at which a token expires, unless a new one has come', async () => {
    const [left, stays] = await Promise.all(
      ['ann', 'bob'].map(async (sub) => {
        const client = await connectFramed(gateway.wsUrl, { query: { ...query, token: await tokenOf(sub, 2) } });
        await client.frames.next();
        return client;
      }),
    );
    const expired = Math.floor(Date.now() / 1000) * 1000 + 2_000;
    stays?.send({ type: 'auth', token: await tokenOf('bob') });
    expect(await left?.closed).toEqual({ code: 4401, reason: 'token missing, bad or expired' });
    expect(Date.now()).toBeGreaterThan(expired - 1_100);
    stays?.send({ type: 'send', id: 'later', content: 'still here' });
    expect(await stays?.frames.next(isMessage)).toMatchObject({ id: 'later' });
    await stays?.close();
  });
});

it("U2, C4: clients that leave while their token is checked take nobody's place, and the answer is 503 without keys", async () => {
  const token = `${Buffer.from('{"alg":"ES256","kid":"1"}').toString('base64url')}.e30.AAAA`;
  const head = [
    `GET /ws/chat/?session=team-1&token=${token} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ];
  for (let client = 0; client < 20; client++) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(waiting.port, '127.0.0.1').once('error', reject);
      socket.end(`${head.join('\r\n')}\r\n\r\n`, () => {
        socket.destroy();
        resolve();
      });
    });
  }
  const stays = refusalOf(connectFramed(waiting.wsUrl, { query: { ...query, token } }));
  answerKeys();
  const refusal = await stays;
  expect([refusal.status, refusal.headers['retry-after'], refusal.json['code']]).toEqual([
    503,
    '5',
    'tokens_unavailable',
  ]);
  await eventually('the gateway to say so', async () => waiting.log.lines.some((line) => line.includes('has no keys')));
  expect(waiting.log.lines.join('\n')).not.toContain(token);
});
