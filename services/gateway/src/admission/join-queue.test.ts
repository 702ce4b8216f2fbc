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

/** A queue whose joins run until the test ends them. `end` ends the oldest of those that run. */
function heldQueue() {
  const running: { readonly join: NamedJoin; end(): void }[] = [];
  const started: string[] = [];
  const queue = new JoinQueue<NamedJoin>(async (one) => {
    started.push(one.name);
    await new Promise<void>((resolve) => running.push({ join: one, end: resolve }));
  });
  const end = async (): Promise<void> => {
    running.shift()?.end();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { queue, running, started, end };
}

describe('a session that thousands join', () => {
  it.each([
    ['of new members', false],
    ['of members that say they come back', true],
  ])('B5: leaves places for others: joins %s', (_whose, isReturning) => {
    const { queue, started } = heldQueue();
    for (let n = 0; n < 5_000; n++) queue.add(join('flood', 'flooded', isReturning));
    queue.add(join('newcomer', 'quiet'));
    expect(started).toHaveLength(101);
    expect(started.at(-1)).toBe('newcomer');
  });

  it.each([
    ['of new members', false],
    ['of members that say they come back', true],
  ])('B5: is waited for by no other session, when all places are taken: joins %s', async (_whose, isReturning) => {
    const { queue, started, end } = heldQueue();
    for (let n = 0; n < 5_000; n++)
      for (const session of ['f1', 'f2', 'f3']) queue.add(join('flood', session, isReturning));
    expect(started).toHaveLength(200);
    for (let n = 0; n < 20; n++) queue.add(join(`newcomer ${n}`, `quiet-${n}`));
    queue.add(join('back', 'quiet-20', true));
    let ended = 0;
    const isIn = (): boolean => started.filter((name) => name !== 'flood').length === 21;
    while (!isIn() && ended < 10_000) {
      await end();
      ended += 1;
    }
    // Twenty sessions, with three turns of the flood between two of them, of fifty joins each at the most.
    expect(ended).toBeLessThan(21 * 4 * 50 + 200);
    expect(ended).toBeLessThan(10_000);
  });

  it('B5: joins of one session still ask Redis together, fifty in a turn, and never more than half of the places', async () => {
    const { queue, running, started, end } = heldQueue();
    for (let n = 0; n < 200; n++) queue.add(join('early', `early-${n}`));
    for (let n = 0; n < 1_000; n++) queue.add(join('crowd', 'crowd', true));
    let most = 0;
    for (let n = 0; n < 1_200; n++) {
      await end();
      if (n === 0) expect(started).toHaveLength(250);
      most = Math.max(most, running.filter(({ join: { sessionId } }) => sessionId === 'crowd').length);
    }
    expect(started.filter((name) => name === 'crowd')).toHaveLength(1_000);
    expect(most).toBeLessThanOrEqual(149);
  });

  it('B5: keeps nobody of another session from being waited for, where it waits for something else than Redis', async () => {
    const waits: (() => void)[] = [];
    const waited: string[] = [];
    const queue = new JoinQueue<NamedJoin>(async ({ name }, aside) => {
      await aside(() => {
        waited.push(name);
        return new Promise<void>((resolve) => waits.push(resolve));
      });
    });
    const settle = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
    };
    for (let n = 0; n < 3_000; n++) queue.add(join('ahead', 'flooded', true));
    await settle();
    expect(waited).toHaveLength(1_500);
    queue.add(join('honest', 'quiet', true));
    expect(waited.at(-1)).toBe('honest');
    for (const end of waits) end();
    await settle();
    queue.add(join('later', 'quiet', true));
    expect(waited.at(-1)).toBe('later');
  });
});

describe('the order of waiting joins', () => {
  it('B5: gives no further turns to a session whose members come and leave', () => {
    const waiting = new WaitingBySession<NamedJoin>();
    for (let n = 0; n < 500; n++) {
      const hasty = join('hasty', 'restless');
      waiting.add(hasty);
      waiting.remove(hasty);
    }
    waiting.add(join('first', 'quiet'));
    for (let n = 0; n < 3; n++) waiting.add(join('restless', 'restless'));
    waiting.add(join('second', 'quieter'));
    const turns = [1, 2, 3, 4].map(() => waiting.takeTurn(1, () => false)[0]?.name);
    expect(turns).toEqual(['first', 'restless', 'second', 'restless']);
  });

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
    expect(waiting.takeTurn(50, () => false)).toEqual([patient]);
    expect(waiting.takeTurn(50, () => false)).toEqual([]);
  });

  it('B5: has no place for those that had their turn, although somebody always waits', () => {
    const waiting = new WaitingBySession<NamedJoin>();
    waiting.add(join('0', 'session-0'));
    let outOfTurn = 0;
    for (let n = 1; n < 10_000; n++) {
      waiting.add(join(String(n), `session-${n}`));
      if (waiting.takeTurn(50, () => false)[0]?.name !== String(n - 1)) outOfTurn += 1;
    }
    expect(outOfTurn).toBe(0);
    expect(waiting.places).toBeLessThan(2_000);
  });
});
