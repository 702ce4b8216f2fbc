import { afterEach, expect, it, vi } from 'vitest';
import { fetchMessages } from './fetch-messages.js';

afterEach(() => vi.unstubAllGlobals());

it.each(['', '.', '..', 'a/b', 'room?x'])('C2: history of the session %j is not asked for', async (sessionId) => {
  const fetch = vi.fn();
  vi.stubGlobal('fetch', fetch);
  await expect(fetchMessages('/api', sessionId)).rejects.toThrow('sessionId must be 1 to 128');
  expect(fetch).not.toHaveBeenCalled();
});
