import { expect, it } from 'vitest';
import { MemoryStorage } from './memory-storage.js';

it('behaves as localStorage', () => {
  const storage = new MemoryStorage();
  storage.setItem('a', '1');
  storage.setItem('b', '2');
  storage.setItem('a', '3');
  expect([storage.length, storage.key(0), storage.key(1), storage.key(2)]).toEqual([2, 'a', 'b', null]);
  expect([storage.getItem('a'), storage.getItem('c')]).toEqual(['3', null]);
  storage.removeItem('a');
  expect([storage.length, storage.getItem('a')]).toEqual([1, null]);
});
