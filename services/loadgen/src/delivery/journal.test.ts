import { expect, it } from 'vitest';
import { Journal } from './journal.js';

it('V3: counts a message once that several members were shown as pending', () => {
  const journal = new Journal('s', 24);
  journal.add('a', 0);
  journal.add('b', 0);
  expect([0, 0, 1, 1, 0, 2].map((index) => journal.markPending(index))).toEqual([
    true,
    false,
    true,
    false,
    false,
    false,
  ]);
});
