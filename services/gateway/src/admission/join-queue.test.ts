import { describe, expect, it } from 'vitest';
import { JoinQueue, type QueuedJoin, WaitingBySession } from './join-queue.js';

interface NamedJoin extends QueuedJoin {
  readonly name: string;
}

const join = (name: string, sessionId: string, isReturning = false): NamedJoin => ({ name, sessionId, isReturning });

/** A queue that runs its most, 200 joins. `finishOne` ends one of them. */
function fullQueue() {
  const started: string[] = [];
  const finishing: (() => void)[] = [];
  const queue = new JoinQueue<NamedJoin>(async ({ name }) => {
    started.push(name);
    if (name === 'early') await new Promise<void>((resolve) => finishing.push(resolve));
  });
  for (let count = 0; count < 200; count++) queue.add(join('early', `early-${count}`));
  started.length = 0;
  const finishOne = async (): Promise<void> => {
    finishing.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, started, finishOne };
}

it('runs joins at once while there are few', () => {
  const started: string[] = [];
  const queue = new JoinQueue<NamedJoin>(async ({ name }) => void started.push(name));
  queue.add(join('a', 's'));
  expect(started).toEqual(['a']);
});

it('B5: runs waiting joins of returning members before those of new ones', async () => {
  const { queue, started, finishOne } = fullQueue();
  queue.add(join('new', 's1'));
  queue.add(join('back', 's2', true));
  expect(started).toEqual([]);
  await finishOne();
  expect(started).toEqual(['back', 'new']);
});

it('runs the waiting joins of one session together, and leaves out those that were removed', async () => {
  const { queue, started, finishOne } = fullQueue();
  const gone = join('gone', 's1', true);
  const all = [join('a', 's1', true), join('b', 's2', true), gone, join('c', 's1', true)];
  for (const one of all) queue.add(one);
  expect([queue.remove(gone), queue.remove(gone), queue.remove(join('never', 's9'))]).toEqual([true, false, false]);
  await finishOne();
  expect(started).toEqual(['a', 'c', 'b']);
});

it('B5: a join that waits for something else than Redis gives its place away, and goes on before those that wait', async () => {
  const order: string[] = [];
  const finishing: (() => void)[] = [];
  let heard = (): void => undefined;
  const waiting = new JoinQueue<NamedJoin>(async ({ name }, aside) => {
    order.push(`${name} starts`);
    if (name === 'waits') await aside(() => new Promise<void>((resolve) => (heard = resolve)));
    else await new Promise<void>((resolve) => finishing.push(resolve));
    order.push(`${name} ends`);
  });
  for (let count = 0; count < 199; count++) waiting.add(join('early', `early-${count}`));
  waiting.add(join('waits', 's1', true));
  order.length = 0;
  waiting.add(join('new', 's2'));
  waiting.add(join('next', 's3', true));
  expect(order).toEqual(['new starts']);
  heard();
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(['new starts']);
  finishing.shift()?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(['new starts', 'early ends', 'waits ends', 'next starts']);
});

describe('the order of waiting joins', () => {
  it('B5: has no place for members that came and left while others waited, of whatever session', () => {
    const waiting = new WaitingBySession<NamedJoin>();
    const patient = join('patient', 'kept');
    waiting.add(patient);
    for (let n = 0; n < 10_000; n++) {
      const hasty = join('hasty', `session-${n}`);
      waiting.add(hasty);
      waiting.remove(hasty);
    }
    expect(waiting.places).toBeLessThan(2_000);
    expect([...(waiting.takeSession() ?? [])]).toEqual([patient]);
    expect(waiting.takeSession()).toBeUndefined();
  });

  it('B5: has no place for those that had their turn, although somebody always waits', () => {
    const waiting = new WaitingBySession<NamedJoin>();
    waiting.add(join('0', 'session-0'));
    let outOfTurn = 0;
    for (let n = 1; n < 10_000; n++) {
      waiting.add(join(String(n), `session-${n}`));
      if ([...(waiting.takeSession() ?? [])][0]?.name !== String(n - 1)) outOfTurn += 1;
    }
    expect(outOfTurn).toBe(0);
    expect(waiting.places).toBeLessThan(2_000);
  });
});
