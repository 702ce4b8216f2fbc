import { randomBytes } from 'node:crypto';
import { eventually, type RedisServer, redisInfo, type ServiceProcess, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  clientFrame,
  isMessage,
  joinFramed,
  rawUpgrade,
  startGatewayProcess,
  type WelcomedMember,
} from './support/gateway-process.js';

const CONTENT_BYTES = 15_000;
/** 10 MB in all, which no kernel buffer takes at once. */
const LARGE_MESSAGES = 100;

let redis: RedisServer;
let gateway: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGatewayProcess(redis.url, {
    MAX_BACKPRESSURE_BYTES: '262144',
    MAX_MESSAGES_PER_SECOND: '0',
    TAIL_BYTES: '1000000',
  });
});
afterAll(stopAll);

/** Sends in portions of 20 until a condition holds; the sender gets each portion back before it sends the next one. */
async function sendUntil(
  { client }: WelcomedMember,
  over: (sent: number) => Promise<boolean> | boolean,
): Promise<number> {
  const content = randomBytes(CONTENT_BYTES / 2).toString('hex');
  let sent = 0;
  while (!(await over(sent))) {
    for (let n = 0; n < 20; n++, sent++) client.send({ type: 'send', id: `m${sent}`, content });
    await client.frames.next({ id: `m${sent - 1}` });
  }
  return sent;
}

const closed4408 = (): Promise<number | undefined> => gateway.metric('holdfast_closes_total', { code: '4408' });

const historyReads = async (): Promise<number> => (await gateway.metric('holdfast_history_reads_total')) ?? 0;

/** Scripts that Redis has run. */
async function scriptCalls(): Promise<number> {
  const stats = (await redisInfo(redis.port, 'commandstats')).get('cmdstat_evalsha');
  return Number(/^calls=(\d+)/.exec(stats ?? '')?.[1]);
}

describe('a slow reader', () => {
  it('F6: is closed 4408 and counted while it does not read; others get every message', async () => {
    const [slow, quick, speaker] = [
      await joinFramed(gateway, 'slow'),
      await joinFramed(gateway, 'slow'),
      await joinFramed(gateway, 'slow'),
    ];
    // Stops reading at the TCP level: the kernels' buffers fill first, then the gateway's.
    slow.client.pauseReading();
    const sent = await sendUntil(speaker, async () => (await closed4408()) === 1);
    expect(await gateway.metric('holdfast_backpressure_closes_total')).toBe(1);

    speaker.client.send({ type: 'send', id: 'after', content: 'x' });
    await quick.client.frames.next({ id: 'after' });
    const seqs = quick.client.frames.matching(isMessage).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: sent + 1 }, (_, index) => index + 1));

    slow.client.resumeReading();
    expect(await slow.client.closed).toEqual({ code: 4408, reason: 'too slow' });
    const had = slow.client.frames.matching(isMessage).map(({ seq }) => Number(seq));
    expect(had.length).toBeLessThan(sent);
    expect(had).toEqual(had.map((_, index) => index + 1));
  });

  it('F6, R1: is given a long history at its own pace, and not closed for it', async () => {
    const speaker = await joinFramed(gateway, 'long');
    const sent = await sendUntil(speaker, (count) => count >= 800);
    const before = (await closed4408()) ?? 0;
    const reader = await joinFramed(gateway, 'long', { last_seq: 0 });
    reader.client.pauseReading();
    speaker.client.send({ type: 'send', id: 'live', content: 'x' });
    await speaker.client.frames.next({ id: 'live' });
    expect(reader.client.open).toBe(true);
    reader.client.resumeReading();
    await reader.client.frames.next({ id: 'live' }, 60_000);
    const seqs = reader.client.frames.matching(isMessage).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: sent + 1 }, (_, index) => index + 1));
    expect(await closed4408()).toBe(before);
  });

  it('F6: that never reads again costs the gateway no memory after its close', async () => {
    const [slow, speaker] = [await joinFramed(gateway, 'gone'), await joinFramed(gateway, 'gone')];
    const before = (await closed4408()) ?? 0;
    slow.client.pauseReading();
    await sendUntil(speaker, async () => ((await closed4408()) ?? 0) > before);
    await speaker.client.close();
    await eventually('the member to be forgotten', async () => {
      const { body } = await gateway.readiness();
      return body['connections'] === 0 || Number(body['connections']) < 6;
    });
    slow.client.terminate();
  });

  it('R1, F6, F9: readers of large messages get all of them in order, each at its pace, and share what is read of Redis', async () => {
    const speaker = await joinFramed(gateway, 'large');
    // A control character takes six bytes of JSON: each frame is larger than what the library sends at once.
    const content = '\u0001'.repeat(16_384);
    for (let sent = 1; sent <= LARGE_MESSAGES; sent++) {
      speaker.client.send({ type: 'send', id: `m${sent}`, content });
      await speaker.client.frames.next({ id: `m${sent}` });
    }
    const [callsBefore, readsBefore] = [await scriptCalls(), await historyReads()];
    const readers = await Promise.all(Array.from({ length: 6 }, () => joinFramed(gateway, 'large', { last_seq: 0 })));
    for (const { client } of readers) {
      await client.frames.next({ id: `m${LARGE_MESSAGES}` }, 60_000);
      const seqs = client.frames.matching(isMessage).map(({ seq }) => seq);
      expect(seqs).toEqual(Array.from({ length: LARGE_MESSAGES }, (_, index) => index + 1));
      client.terminate();
    }
    await speaker.client.close();
    // Two of them fill a page: one reader by itself takes fifty reads.
    expect((await historyReads()) - readsBefore).toBeLessThan(100);
    expect((await scriptCalls()) - callsBefore).toBeLessThan(150);
  });
});

describe('an unread socket', () => {
  const ping = clientFrame(9, 'x'.repeat(125));
  const million = { blocks: 1_000, block: Buffer.concat(Array.from({ length: 1_000 }, () => ping)) };
  /** What a gateway may take for all that one socket makes it write. */
  const GROWTH_MAX = 24 * 1_048_576;

  it.each([
    ['4408', '0'],
    ['4429', '100'],
  ])('F6, V24: a million pings are answered up to the limits, and closed with %s', async (code, framesPerSecond) => {
    const own = await startGatewayProcess(redis.url, { MAX_MESSAGES_PER_SECOND: framesPerSecond }, `pings ${code}`);
    const { write, pauseReading, close } = await rawUpgrade(own.port, []);
    pauseReading();
    const memory = async (): Promise<number> => (await own.metric('process_resident_memory_bytes')) ?? Number.NaN;
    const before = await memory();
    for (let block = 0; block < million.blocks; block++) await write(million.block);
    await eventually('the close', async () => (await own.metric('holdfast_closes_total', { code })) === 1);
    expect((await memory()) - before).toBeLessThan(GROWTH_MAX);
    close();
    await own.stop();
  });
});
