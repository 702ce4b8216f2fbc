import { type RedisServer, type ServiceProcess, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMessage, joinFramed, startGatewayProcess, storeOf } from './support/gateway-process.js';

const TAIL_BYTES = 1_048_576;
const CHAT_MESSAGES = 100;
/** Each takes six bytes of JSON for each of its 16,384 characters: all of them take more than the memory of the tails. */
const HEAVY_MESSAGES = 15;

let redis: RedisServer;
let gateway: ServiceProcess;
beforeAll(async () => {
  redis = await startRedis();
  gateway = await startGatewayProcess(redis.url, { TAIL_BYTES: String(TAIL_BYTES), MAX_MESSAGES_PER_SECOND: '0' });
});
afterAll(stopAll);

describe('a session with large messages', () => {
  it('F5, G2: leaves the others what they are healed from when Redis has lost everything', async () => {
    const [chat, heavy] = [await joinFramed(gateway, 'chat'), await joinFramed(gateway, 'heavy')];
    for (let n = 1; n <= CHAT_MESSAGES; n++) chat.client.send({ type: 'send', id: `m${n}`, content: `message ${n}` });
    await chat.client.frames.next({ id: `m${CHAT_MESSAGES}` });
    for (let n = 1; n <= HEAVY_MESSAGES; n++) {
      heavy.client.send({ type: 'send', id: `m${n}`, content: '\u0001'.repeat(16_384) });
    }
    await heavy.client.frames.next({ id: `m${HEAVY_MESSAGES}` });
    await redis.cli('flushall');
    chat.client.send({ type: 'send', id: 'after', content: 'x' });
    await chat.client.frames.next({ id: 'after' });

    const store = await storeOf(redis);
    const { entries } = await store.read('chat', { from: 1, limit: 1_000 });
    const ids = Array.from({ length: CHAT_MESSAGES }, (_, index) => `m${index + 1}`);
    expect(entries.map(({ id }) => id)).toEqual([...ids, 'after']);
    expect(chat.client.frames.matching(isMessage)).toHaveLength(CHAT_MESSAGES + 1);
  });
});
