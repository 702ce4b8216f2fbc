import {
  announcedRandom,
  connectFramed,
  connectPlain,
  type RedisServer,
  runs,
  type SeededRandom,
  type ServiceProcess,
  startRedis,
  stopAll,
  UpgradeRefused,
  type WsClient,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchange, joinFramed, rawUpgrade, startGatewayProcess } from './support/gateway-process.js';

const ROUNDS = runs(150);

let redis: RedisServer;
let gateway: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGatewayProcess(redis.url, { MESSAGE_MAX_BYTES: '2000', MAX_MESSAGES_PER_SECOND: '0' });
});
afterAll(stopAll);

/** Some bytes: noise, almost JSON, or JSON that is almost a frame. */
function anyBytes(random: SeededRandom): Buffer {
  const noise = Buffer.from(Array.from({ length: random.int(0, 300) }, () => random.int(0, 255)));
  if (random.chance(0.3)) return noise;
  const value = random.chance(0.8) ? anyFrame(random) : anyValue(random);
  const json = Buffer.from(JSON.stringify(value) ?? '');
  if (random.chance(0.3) && json.length > 0) json[random.int(0, json.length - 1)] = random.int(0, 255);
  return random.chance(0.1) ? json.subarray(0, random.int(0, json.length)) : json;
}

function anyFrame(random: SeededRandom): Record<string, unknown> {
  const frame: Record<string, unknown> = {
    type: random.pick(['send', 'signal', 'auth', 'ping', 'welcome', anyValue(random)]),
  };
  const fields = ['id', 'content', 'retry', 'after', 'name', 'data', 'token', '__proto__', 'constructor'];
  for (const field of fields) if (random.chance(0.6)) frame[field] = anyValue(random);
  if (random.chance(0.5)) frame['after'] = { epoch: anyValue(random), seq: anyValue(random), id: anyValue(random) };
  return frame;
}

function anyValue(random: SeededRandom, depth = 0): unknown {
  const simple = [
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e15,
    9_007_199_254_740_991,
    1e308,
    '',
    'm1',
    'a b',
    '\u0000',
    '\ud800',
    '\u2028',
    "' OR 1=1",
    '{session:x}:log',
    'x'.repeat(random.int(0, 3_000)),
    '\n* 0 *',
  ];
  if (depth > 2 || random.chance(0.8)) return random.pick(simple);
  if (random.chance(0.5)) return [anyValue(random, depth + 1), anyValue(random, depth + 1)];
  return { type: anyValue(random, depth + 1), seq: anyValue(random, depth + 1) };
}

function anyQuery(random: SeededRandom): string {
  const names = [
    'session',
    'redis_persistence',
    'client',
    'last_seq',
    'last_id',
    'epoch',
    'presence',
    'token',
    '%',
    'a[]',
  ];
  const values = [
    '',
    'x',
    'true',
    'false',
    '0',
    '-1',
    '1e9',
    '9007199254740991',
    '%00',
    '%zz',
    '%E0%A4%A',
    '%F0%9F%98%80',
    '+',
    '..%2f',
    'x'.repeat(random.int(0, 500)),
    '{s}',
    '*',
    'a:b',
    '%0d%0aX-Injected:%201',
  ];
  return Array.from({ length: random.int(0, 6) }, () => `${random.pick(names)}=${random.pick(values)}`).join(
    random.pick(['&', '&&', ';']),
  );
}

/** Asserts that the process has not ended, and that it still serves. */
async function expectAlive(label: string): Promise<void> {
  expect(gateway.child.exit).toBeUndefined();
  const { client } = await joinFramed(gateway, 'alive');
  client.send({ type: 'send', id: label, content: label });
  expect(await client.frames.next({ id: label })).toMatchObject({ type: 'message', content: label });
  await client.close();
  expect(await gateway.metric('holdfast_ledger_imbalance')).toBe(0);
}

describe('the process lives and serves, whatever it is sent:', () => {
  it.each([
    ['framed', connectFramed, true],
    ['framed, unstored', connectFramed, false],
    ['plain', connectPlain, true],
    ['plain, unstored', connectPlain, false],
  ] as const)('V23, C6: text and binary frames of any bytes (%s)', async (label, connect, persistent) => {
    const random = announcedRandom(`any frames (${label})`);
    const witness = await joinFramed(gateway, 'noise');
    let client: WsClient | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      if (!client?.open) {
        client?.terminate();
        client = await connect(gateway.wsUrl, {
          query: { session: 'noise', redis_persistence: persistent, presence: true },
        });
      }
      const bytes = anyBytes(random);
      if (random.chance(0.5)) client.sendRaw(bytes);
      else client.sendBytesAsText(random.chance(0.7) ? Buffer.from(bytes.toString()) : bytes);
      if (round % 50 === 49) await new Promise(setImmediate);
    }
    client?.terminate();
    await expectAlive(`after-${label.replaceAll(/\W/g, '-')}`);
    expect(witness.client.open).toBe(true);
    const seqs = witness.client.frames.matching((frame) => frame['seq'] !== undefined && frame['type'] === 'message');
    expect(seqs.map(({ seq }) => seq)).toEqual(seqs.map((_, index) => Number(seqs[0]?.['seq']) + index));
  });

  it('C2: any query string is answered with an upgrade or a refusal in the words of H3', async () => {
    const random = announcedRandom('any query');
    const seen = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      const query = anyQuery(random);
      try {
        const client = await connectFramed(`${gateway.wsUrl}?${query}`);
        seen.add(101);
        client.terminate();
      } catch (error) {
        if (!(error instanceof UpgradeRefused)) throw error;
        seen.add(error.status);
        expect(error.status).toBe(400);
        expect(error.json).toMatchObject({ success: false, code: 'bad_request' });
        expect(error.headers['x-injected']).toBeUndefined();
      }
    }
    expect(seen).toEqual(new Set([101, 400]));
    await expectAlive('after-queries');
  });

  it('any HTTP request on the public port', async () => {
    const random = announcedRandom('any HTTP');
    const requests: (string | Buffer)[] = [
      '\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET /ws/chat/ HTTP/1.1\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`,
      `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(500)}\r\n`,
      'POST /ws/chat/ HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nabc',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n',
      'GET /ws/chat/ HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
    ];
    for (let n = 0; n < 30; n++) requests.push(Buffer.concat([Buffer.from('GET /ws/chat/?'), anyBytes(random)]));
    for (let n = 0; n < 30; n++) requests.push(anyBytes(random));
    await Promise.all(requests.map((bytes) => exchange(gateway.port, bytes, 300)));
    await expectAlive('after-http');
  });

  it('any bytes instead of frames after the upgrade', async () => {
    const random = announcedRandom('any bytes after the upgrade');
    for (let n = 0; n < 30; n++) {
      const upgraded = await rawUpgrade(gateway.port, []);
      expect(upgraded.status).toBe(101);
      upgraded.write(anyBytes(random));
      upgraded.close();
    }
    await expectAlive('after-bytes');
  });

  it('any payload on the channels of Redis', async () => {
    const random = announcedRandom('any payload');
    const { client } = await joinFramed(gateway, 'noisy');
    for (let n = 0; n < 40; n++) {
      const kind = random.pick(['m', 'u', 'g', 's', 'x', '']);
      const payload = `${kind} ${random.pick(['e', '1', ''])} ${random.pick(['1', '-1', 'x'])} i\n${anyBytes(random).toString()}`;
      const channel = random.pick(['{session:noisy}:live', 'holdfast:broadcast']);
      await redis.cli('publish', channel, payload.replaceAll('\0', ''));
    }
    client.send({ type: 'send', id: 'm1', content: 'x' });
    expect(await client.frames.next((frame) => frame['id'] === 'm1')).toMatchObject({ seq: 1 });
    await expectAlive('after-payloads');
  });
});
