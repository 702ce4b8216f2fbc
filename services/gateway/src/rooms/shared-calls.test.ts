import { expect, it } from 'vitest';
import { SharedCalls } from './shared-calls.js';

/** Calls that are answered, each with its number, when the test says so. */
function held() {
  const answers: ((error?: Error) => void)[] = [];
  const call = (): Promise<number> => {
    const number = answers.length + 1;
    return new Promise((resolve, reject) => {
      answers.push((error) => (error ? reject(error) : resolve(number)));
    });
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const answer = async (number: number, error?: Error): Promise<void> => {
    await turn();
    answers[number - 1]?.(error);
    await turn();
  };
  return { call, answer, turn, begun: () => answers.length };
}

it('runs one call for all that ask before it has begun', async () => {
  const calls = new SharedCalls<number>();
  const { call, answer, begun } = held();
  const both = Promise.all([calls.run('', call), calls.run('', call)]);
  await answer(1);
  expect(await both).toEqual([
    { result: 1, shared: false },
    { result: 1, shared: true },
  ]);
  expect([begun(), calls.isIdle]).toEqual([1, true]);
});

it('answers nobody with a call that had begun before, and asks nothing twice at a time', async () => {
  const calls = new SharedCalls<number>();
  const { call, answer, turn, begun } = held();
  const first = calls.run('', call);
  await turn();
  const later = Promise.all([calls.run('', call), calls.run('', call)]);
  await turn();
  expect(begun()).toBe(1);
  await answer(1);
  await answer(2);
  expect((await first).result).toBe(1);
  expect((await later).map(({ result }) => result)).toEqual([2, 2]);
});

it('keeps kinds apart, and goes on after a failure', async () => {
  const calls = new SharedCalls<number>();
  const { call, answer, begun, turn } = held();
  const failing = expect(calls.run('a', call)).rejects.toThrow('lost');
  const other = calls.run('b', call);
  await turn();
  expect(begun()).toBe(2);
  const next = calls.run('a', call);
  await answer(1, new Error('lost'));
  await failing;
  await answer(2);
  await answer(3);
  expect([(await other).result, (await next).result, calls.isIdle]).toEqual([2, 3, true]);
});
