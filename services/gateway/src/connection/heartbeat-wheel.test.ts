import { announcedRandom } from '@holdfast/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import type { Timer } from '../ports/clock.js';
import { HeartbeatWheel, type WheelConnection } from './heartbeat-wheel.js';

const INTERVAL_MS = 30_000;
/** A heartbeat may come this much late: one slot. */
const SLACK_MS = INTERVAL_MS / 30;

let clock: ManualClock;
let connections: HeartbeatWheel<WheelConnection>;
beforeEach(() => {
  clock = new ManualClock();
  connections = new HeartbeatWheel(clock, INTERVAL_MS);
  connections.start();
});

/** Opens a connection. @returns the times of its heartbeats, from then on */
function open(): { beats: number[]; close(): void } {
  const beats: number[] = [];
  const openedMs = clock.monotonic();
  const connection = { firstBeat: 0, slotIndex: 0, heartbeat: () => void beats.push(clock.monotonic() - openedMs) };
  connections.add(connection);
  return { beats, close: () => connections.delete(connection) };
}

describe('heartbeats', () => {
  it.each([0, 1, 400, 999, 1_000, 12_345, 29_999, 31_000])(
    'P3, V5: the first one comes an interval after opening, %i ms after the start',
    async (afterMs) => {
      await clock.advance(afterMs);
      const { beats } = open();
      await clock.advance(INTERVAL_MS - 1);
      expect(beats).toEqual([]);
      await clock.advance(SLACK_MS + 1);
      expect(beats).toHaveLength(1);
    },
  );

  it('P3, V5: one comes every interval, however long the connection lasts', async () => {
    await clock.advance(1_234);
    const { beats } = open();
    await clock.advance(101 * INTERVAL_MS);
    expect(beats).toHaveLength(100);
    for (const [index, ms] of beats.entries()) {
      expect(ms).toBeGreaterThanOrEqual((index + 1) * INTERVAL_MS);
      expect(ms).toBeLessThanOrEqual((index + 1) * INTERVAL_MS + SLACK_MS);
    }
  });

  it('P3, V5: none comes early where a slot is no whole number of milliseconds, which timers have', async () => {
    class WholeClock extends ManualClock {
      override setTimeout(callback: () => void, ms: number): Timer {
        return super.setTimeout(callback, Math.trunc(ms));
      }
    }
    const whole = new WholeClock();
    const wheel = new HeartbeatWheel(whole, 500);
    wheel.start();
    const beats: number[] = [];
    wheel.add({ firstBeat: 0, slotIndex: 0, heartbeat: () => void beats.push(whole.monotonic()) });
    await whole.advance(2_000);
    expect(beats[2]).toBeGreaterThanOrEqual(1_500);
  });

  it('spreads over the interval as connections opened', async () => {
    const first = open();
    await clock.advance(INTERVAL_MS / 2);
    const second = open();
    await clock.advance(INTERVAL_MS + SLACK_MS);
    expect(first.beats).toHaveLength(1);
    expect(second.beats).toHaveLength(1);
  });

  it('a connection that was deleted gets none, also when it was deleted during a heartbeat', async () => {
    const gone = open();
    const leaving = {
      beats: 0,
      firstBeat: 0,
      slotIndex: 0,
      heartbeat(): void {
        this.beats += 1;
        connections.delete(this);
      },
    };
    connections.add(leaving);
    const stays = open();
    gone.close();
    await clock.advance(3 * INTERVAL_MS + SLACK_MS);
    expect([gone.beats.length, leaving.beats, stays.beats.length]).toEqual([0, 1, 3]);
  });

  it('leaves no timer when it is stopped', () => {
    connections.stop();
    expect(clock.pending).toBe(0);
  });
});

describe('connections', () => {
  it('are those that were added and not deleted, in whatever order that happened', async () => {
    const random = announcedRandom('connections');
    const here = new Set<WheelConnection>();
    for (let step = 0; step < 2_000; step++) {
      if (random.chance(0.1)) await clock.advance(INTERVAL_MS / 40);
      const known = [...here];
      const connection = random.chance(0.6) ? undefined : known[random.int(0, known.length - 1)];
      if (connection) {
        connections.delete(connection);
        // A second time does nothing.
        connections.delete(connection);
        here.delete(connection);
      } else {
        const added = { firstBeat: 0, slotIndex: 0, heartbeat: () => undefined };
        connections.add(added);
        here.add(added);
      }
    }
    expect(connections.size).toBe(here.size);
    expect(new Set(connections)).toEqual(here);
    expect([...connections]).toHaveLength(here.size);
  });
});
