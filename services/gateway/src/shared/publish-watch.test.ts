import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { PublishWatch } from './publish-watch.js';

let clock: ManualClock;
let watch: PublishWatch;
beforeEach(() => {
  clock = new ManualClock();
  watch = new PublishWatch(clock);
});

/** A room that has delivered up to a number, and the times at which it was asked to sync. */
function watchedRoom(deliveredSeq = 0) {
  const syncedMs: number[] = [];
  const room = {
    deliveredSeq,
    syncedMs,
    delivered: { has: (epoch: string, seq: number): boolean => epoch === 'e1' && seq <= room.deliveredSeq },
    sync: { request: () => void syncedMs.push(clock.monotonic()) },
  };
  return room;
}

describe('the watch over publishes', () => {
  it('F2: syncs a room whose message has not come 100 ms after its append was answered', async () => {
    const room = watchedRoom();
    watch.expect(room, 'e1', 1);
    await clock.advance(99);
    expect(room.syncedMs).toEqual([]);
    await clock.advance(1);
    expect(room.syncedMs).toEqual([100]);
    await clock.advance(1_000);
    expect(room.syncedMs).toEqual([100]);
  });

  it('F2: leaves a room alone whose message came in time, or before the answer', async () => {
    const [before, after] = [watchedRoom(7), watchedRoom(6)];
    watch.expect(before, 'e1', 7);
    watch.expect(after, 'e1', 7);
    after.deliveredSeq = 7;
    await clock.advance(1_000);
    expect([before.syncedMs, after.syncedMs, clock.pending]).toEqual([[], [], 0]);
  });

  it('F2: a message of another epoch does not count as delivered', async () => {
    const room = watchedRoom(9);
    watch.expect(room, 'e2', 1);
    await clock.advance(100);
    expect(room.syncedMs).toEqual([100]);
  });

  it('checks all rooms with one timer, each at most 10 ms late', async () => {
    const rooms = Array.from({ length: 20 }, () => watchedRoom());
    for (const room of rooms) {
      watch.expect(room, 'e1', 1);
      expect(clock.pending).toBe(1);
      await clock.advance(3);
    }
    await clock.advance(200);
    for (const [index, { syncedMs }] of rooms.entries()) {
      expect(syncedMs).toHaveLength(1);
      expect(syncedMs[0]).toBeGreaterThanOrEqual(index * 3 + 100);
      expect(syncedMs[0]).toBeLessThanOrEqual(index * 3 + 110);
    }
  });

  it('leaves no timer when it is stopped', () => {
    watch.expect(watchedRoom(), 'e1', 1);
    watch.stop();
    expect(clock.pending).toBe(0);
  });
});
