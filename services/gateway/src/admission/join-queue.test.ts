import { expect, it } from 'vitest';
import { type Joiner, JoinQueue } from './join-queue.js';

interface Named extends Joiner {
  readonly name: string;
}

const joiner = (name: string, sessionId: string, isReturning = false): Named => ({ name, sessionId, isReturning });

/** A lane whose 200 places are taken, until `free` lets so many go. */
function fullLane() {
  const joined: string[] = [];
  const holding: (() => void)[] = [];
  const lane = new JoinQueue<Named>(async ({ name }) => {
    joined.push(name);
    if (name === 'early') await new Promise<void>((resolve) => holding.push(resolve));
  });
  for (let count = 0; count < 200; count++) lane.add(joiner('early', `early-${count}`));
  joined.length = 0;
  const free = async (): Promise<void> => {
    holding.pop()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { lane, joined, free };
}

it('runs joins at once while there are few', () => {
  const joined: string[] = [];
  const lane = new JoinQueue<Named>(async ({ name }) => void joined.push(name));
  lane.add(joiner('a', 's'));
  expect(joined).toEqual(['a']);
});

it('B5: of those that wait, lets those in first that come back', async () => {
  const { lane, joined, free } = fullLane();
  lane.add(joiner('new', 's1'));
  lane.add(joiner('back', 's2', true));
  expect(joined).toEqual([]);
  await free();
  expect(joined).toEqual(['back', 'new']);
});

it('lets those of one session in together, and leaves out whoever has left', async () => {
  const { lane, joined, free } = fullLane();
  const gone = joiner('gone', 's1', true);
  const all = [joiner('a', 's1', true), joiner('b', 's2', true), gone, joiner('c', 's1', true)];
  for (const one of all) lane.add(one);
  expect([lane.remove(gone), lane.remove(gone), lane.remove(joiner('never', 's9'))]).toEqual([true, false, false]);
  await free();
  expect(joined).toEqual(['a', 'c', 'b']);
});
