import { afterEach, describe, expect, it } from 'vitest';
import { registerCleanup, runningParts, stopAll } from './cleanup.js';

afterEach(() => stopAll().catch(() => undefined));

describe('stopAll', () => {
  it('ends the newest first and forgets what was ended', async () => {
    const ended: string[] = [];
    registerCleanup('redis', async () => ended.push('redis'));
    registerCleanup('gateway', async () => ended.push('gateway'));
    expect(runningParts()).toEqual(['redis', 'gateway']);
    await stopAll();
    expect(ended).toEqual(['gateway', 'redis']);
    expect(runningParts()).toEqual([]);
  });

  it('goes on after a failure and reports it', async () => {
    const ended: string[] = [];
    registerCleanup('redis', async () => ended.push('redis'));
    registerCleanup('gateway', () => Promise.reject(new Error('hangs')));
    await expect(stopAll()).rejects.toThrow('1 parts did not stop');
    expect(ended).toEqual(['redis']);
    expect(runningParts()).toEqual([]);
  });

  it('leaves alone what has been forgotten', async () => {
    const ended: string[] = [];
    const forget = registerCleanup('redis', async () => ended.push('redis'));
    forget();
    await stopAll();
    expect(ended).toEqual([]);
  });
});
