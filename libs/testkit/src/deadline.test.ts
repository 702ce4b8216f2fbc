import { describe, expect, it } from 'vitest';
import { DeadlineError, eventually, withDeadline } from './deadline.js';

describe('withDeadline', () => {
  it('passes on what settles in time', async () => {
    await expect(withDeadline(Promise.resolve(5), 'five')).resolves.toBe(5);
    await expect(withDeadline(Promise.reject(new Error('no')), 'five')).rejects.toThrow('no');
  });

  it('says what it waited for', async () => {
    const never = new Promise(() => undefined);
    await expect(withDeadline(never, 'a frame', 5)).rejects.toThrow('waited 5 ms for a frame');
    await expect(withDeadline(never, () => 'frame 7', 5)).rejects.toBeInstanceOf(DeadlineError);
  });
});

describe('eventually', () => {
  it('asks until there is an answer, taking 0 and "" for one', async () => {
    let asked = 0;
    const answer = await eventually('the third', () => (++asked < 3 ? undefined : 0), { everyMs: 1 });
    expect([answer, asked]).toEqual([0, 3]);
  });

  it('takes a rejection for "not yet" and keeps the last one as the cause', async () => {
    const failed = eventually('a port', () => Promise.reject(new Error('refused')), { timeoutMs: 10, everyMs: 1 });
    await expect(failed).rejects.toMatchObject({
      message: 'waited 10 ms for a port',
      cause: expect.objectContaining({ message: 'refused' }),
    });
  });
});
