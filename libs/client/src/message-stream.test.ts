import { describe, expect, it } from 'vitest';
import { harness } from '../test/harness.js';

describe('the messages as an async iterator', () => {
  it('gives each message once, those before the first read too, and ends with the client', async () => {
    const { client, open } = harness();
    const messages = client[Symbol.asyncIterator]();
    const socket = open();
    socket.message(1, 'm1');
    socket.message(2, 'm2');
    const ids: string[] = [];
    for (let i = 0; i < 2; i++) ids.push((await messages.next()).value?.id ?? '');
    const waiting = messages.next();
    socket.message(3, 'm3');
    ids.push((await waiting).value?.id ?? '');
    const last = messages.next();
    client.close();
    expect(ids).toEqual(['m1', 'm2', 'm3']);
    expect((await last).done).toBe(true);
  });

  it('can be left by break', async () => {
    const { client, open } = harness();
    const messages = client[Symbol.asyncIterator]();
    open().message(1, 'm1');
    const ids: string[] = [];
    for await (const { id } of messages) {
      ids.push(id);
      break;
    }
    expect([ids, (await messages.next()).done]).toEqual([['m1'], true]);
  });

  it('fails, rather than losing a message, when the reader is too slow', async () => {
    const { client, open } = harness({ redisPersistence: false });
    const messages = client[Symbol.asyncIterator]();
    const socket = open({ persistence: 'none', epoch: null });
    for (let i = 0; i < 10_002; i++) socket.message(undefined, `m${i}`);
    await expect(messages.next()).rejects.toThrow('10000 messages behind');
  });
});
