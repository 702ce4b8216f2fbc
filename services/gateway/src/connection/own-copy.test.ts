import { expect, it } from 'vitest';
import { ownCopy } from './own-copy.js';

it('is the same text', () => {
  for (const text of ['', 'a', 'A-Z.a_z~0-9', 'x'.repeat(128)]) expect(ownCopy(text)).toBe(text);
});
