import { describe, expect, it } from 'vitest';
import { MemorySessionStore } from './memory-session-store.js';

describe('MemorySessionStore', () => {
  it('K5: holds no session and no tombstone for long that has expired, though nobody asks for it again', async () => {
    let now = 0;
    const live = { publish: () => 0, subscribers: () => 0 };
    const store = new MemorySessionStore({ live, now: () => now, defaultTtl: 10 });
    for (let n = 0; n < 20_000; n++) {
      now += 100;
      await store.open(`room-${n}`);
      if (n % 2 === 0) await store.remove(`room-${n}`);
    }
    expect(store.size).toBeLessThan(1_100);
    const { sessions } = await store.list({ limit: 1_000 });
    expect(sessions).toHaveLength(50);
  });
});
