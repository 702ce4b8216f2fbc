import { describe, expect, it } from 'vitest';
import { FrameQueue } from './frame-queue.js';

function queueOf(...frames: unknown[]): FrameQueue {
  const queue = new FrameQueue();
  for (const frame of frames) queue.push(JSON.stringify(frame));
  return queue;
}

describe('FrameQueue', () => {
  it('gives frames in order, each once', async () => {
    const queue = queueOf({ n: 1 }, { n: 2 });
    expect([await queue.next(), await queue.next()]).toEqual([{ n: 1 }, { n: 2 }]);
    const third = queue.next();
    queue.push('{"n":3}');
    await expect(third).resolves.toEqual({ n: 3 });
  });

  it('passes over what does not fit', async () => {
    const queue = queueOf({ type: 'a', n: 1 }, { type: 'b', n: 2 }, { type: 'c', n: 3 });
    await expect(queue.next({ type: 'b' })).resolves.toEqual({ type: 'b', n: 2 });
    expect(queue.unread).toEqual([{ type: 'c', n: 3 }]);
    await expect(queue.next((frame) => Number(frame['n']) > 2)).resolves.toMatchObject({ type: 'c' });
  });

  it('compares nested values by what they hold', async () => {
    await expect(queueOf({ at: { seq: 1 } }).next({ at: { seq: 1 } })).resolves.toBeDefined();
  });

  it('finds and counts without moving on', async () => {
    const queue = queueOf({ n: 1 }, { n: 2 });
    await queue.find({ n: 2 });
    await expect(queue.take(2)).resolves.toHaveLength(2);
    await expect(queue.next()).resolves.toEqual({ n: 1 });
  });

  it('keeps text that is no JSON object as it came', () => {
    const queue = new FrameQueue();
    for (const text of ['hello', '[1]', 'null']) queue.push(text);
    expect(queue.all).toEqual([{ raw: 'hello' }, { raw: '[1]' }, { raw: 'null' }]);
  });

  it('says what it waited for and what came instead', async () => {
    const queue = queueOf({ type: 'heartbeat' });
    await expect(queue.next({ type: 'welcome' }, 5)).rejects.toThrow(
      /a frame like \{"type":"welcome"\}; 1 frames came, the last:\n {2}\{"type":"heartbeat"\}/,
    );
  });

  it('fails waits at once when no more frames will come', async () => {
    const queue = queueOf();
    const waiting = queue.next({ type: 'welcome' });
    queue.end('closed 4404');
    await expect(waiting).rejects.toThrow('closed 4404, while waiting for a frame like {"type":"welcome"}');
    await expect(queue.next()).rejects.toThrow('closed 4404');
  });

  it('gives one frame to one waiter only', async () => {
    const queue = queueOf();
    const both = Promise.all([queue.next(), queue.next()]);
    queue.push('{"n":1}');
    queue.push('{"n":2}');
    await expect(both).resolves.toEqual([{ n: 1 }, { n: 2 }]);
  });
});
