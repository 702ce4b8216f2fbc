import { describe, expect, it } from 'vitest';
import { durationText } from './time-text.js';

describe('durationText', () => {
  it.each([
    [0, '0 s'],
    [-5, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3_599, '59 min 59 s'],
    [3_601, '1 h'],
    [7_199, '1 h 59 min'],
    [90_000, '1 d 1 h'],
    [2_592_000, '30 d'],
  ])('%d seconds are %s', (seconds, text) => expect(durationText(seconds)).toBe(text));
});
