import { expect, it } from 'vitest';
import { type Sighting, Track } from './track.js';

it('gives back everything in its order, however much it is', () => {
  const track = new Track();
  const expected: Sighting[] = [];
  for (let i = 0; i < 1_000; i++) {
    track.message(i, i + 1);
    track.update(i, i + 2);
    track.gap(i + 5, i + 7);
    track.reset(i + 1);
    expected.push(
      { kind: 'message', index: i, seq: i + 1 },
      { kind: 'update', index: i, seq: i + 2 },
      { kind: 'gap', from: i + 5, to: i + 7 },
      { kind: 'reset', from: i + 1 },
    );
  }
  expect(track.length).toBe(4_000);
  expect([...track.sightings()]).toEqual(expected);
});

it('knows the newest number shown', () => {
  const track = new Track();
  expect(track.newest).toBe(0);
  track.message(0, 5);
  track.message(1, 0);
  expect(track.newest).toBe(5);
  track.gap(6, 8);
  expect(track.newest).toBe(8);
  track.reset(3);
  expect(track.newest).toBe(2);
  track.update(0, 3);
  expect(track.newest).toBe(3);
});
