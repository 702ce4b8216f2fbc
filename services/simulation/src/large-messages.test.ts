import { SeededRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { LargeMessages } from './large-messages.js';

const plan = { limit: 16_384, share: 0.5, bounds: [65_536] };

function contents(count: number, share = plan.share): string[] {
  const messages = new LargeMessages(new SeededRandom(1), { ...plan, share });
  return Array.from({ length: count }, (_, index) => messages.lengthen(`c${index}`));
}

const frameBytes = (content: string) =>
  Buffer.byteLength(`{"type":"message","seq":100,"id":"m0.0-100","content":`) +
  Buffer.byteLength(JSON.stringify(content)) +
  Buffer.byteLength(`,"sender":"fz4Ws5iimq","timestamp":1700000001518}`);

describe('LargeMessages', () => {
  it('C6: lengthens contents up to the limit in UTF-8, and never beyond', () => {
    const bytes = contents(4_000).map((content) => Buffer.byteLength(content));
    expect(Math.max(...bytes)).toBe(plan.limit);
    expect(bytes.filter((each) => each < 20).length).toBeGreaterThan(2_000);
    for (const [from, to] of [
      [20, 200],
      [200, 2_000],
      [2_000, 16_000],
    ]) {
      expect(bytes.filter((each) => each >= (from ?? 0) && each < (to ?? 0)).length).toBeGreaterThan(50);
    }
  });

  it('draws sizes of which a few reach a bound, or just do not', () => {
    const frames = contents(4_000, 1).map(frameBytes);
    for (const together of [1, 2, 3, 4, 5]) {
      const near = frames.filter((bytes) => Math.abs(bytes * together - 65_536) < 100 * together);
      expect([together, near.some((bytes) => bytes * together > 65_536)]).toEqual([together, true]);
      expect([together, near.some((bytes) => bytes * together < 65_536)]).toEqual([together, true]);
    }
  });

  it('leaves short messages as they are, and every message a name of its own', () => {
    expect(contents(100, 0)).toEqual(Array.from({ length: 100 }, (_, index) => `c${index}`));
    expect(new Set(contents(1_000, 1)).size).toBe(1_000);
  });
});
