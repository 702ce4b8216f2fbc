import { describe, expect, it } from 'vitest';
import { keySlot } from './key-slot.js';

describe('keySlot', () => {
  it.each([
    // The check value of CRC16 (XMODEM), and slots that `CLUSTER KEYSLOT` answers.
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['', 0],
    ['é', 10_180],
  ])('K4: of %j is %i', (key, slot) => {
    expect(keySlot(key)).toBe(slot);
  });

  it('K4: is that of the part between the first braces, unless nothing stands there', () => {
    expect(keySlot('{session:a}:live')).toBe(keySlot('session:a'));
    expect(keySlot('a{session:a}{b}')).toBe(keySlot('session:a'));
    for (const whole of ['a{}b', 'a{b', 'a}b{']) expect(keySlot(whole)).not.toBe(keySlot('b'));
  });
});
