import { describe, expect, it } from 'vitest';
import { loadConfig } from './config.js';
describe('loadConfig', () => {
  it('has defaults', () => {
    expect(loadConfig('gateway', {}).port).toBe(8100);
  });
});
