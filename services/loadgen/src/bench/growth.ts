import { type Figure, median } from './report.js';

/** The memory of a gateway at one time. */
export interface MemorySample {
  /** Seconds since the load began. */
  readonly atSeconds: number;
  /** Bytes, after a garbage collection. */
  readonly resident: number;
  /** Bytes on the heap and what it holds outside, after a garbage collection. */
  readonly heap: number;
  readonly connections: number;
  /** Sessions that are live on the gateway, or were within the last minute (F5). */
  readonly rooms: number;
}

/** Greatest ratio of the memory at the end of an hour to that at its beginning. */
const GROWTH_MAX = 1.1;
/**
 * Samples before this time are left out: until the first empty rooms are dropped, memory fills and says nothing of
 * growth.
 */
const FILLING_SECONDS = 150;

/**
 * Compares the first third of the samples with the last third.
 *
 * @param empty the gateway before the first member joined
 * @param left the gateway after the last member had left
 */
export function growthFigures(empty: MemorySample, samples: readonly MemorySample[], left: MemorySample): Figure[] {
  const total = samples.at(-1)?.atSeconds ?? 0;
  const settled = samples.filter(({ atSeconds }) => atSeconds >= Math.min(FILLING_SECONDS, total / 4));
  const third = Math.max(1, Math.floor(settled.length / 3));
  const begin = settled.slice(0, third);
  const end = settled.slice(-third);
  const of = (group: readonly MemorySample[], value: (sample: MemorySample) => number): number =>
    median(group.map(value));
  const added = (group: readonly MemorySample[], by: 'connections' | 'rooms'): number =>
    of(group, (sample) => (sample.heap - empty.heap) / Math.max(1, sample[by]) / 1_024);
  const memory = (what: 'heap' | 'resident', name: string): Figure[] => {
    const [first, last] = [of(begin, (sample) => sample[what]), of(end, (sample) => sample[what])];
    return [
      { name: `${name}, empty`, unit: 'MB', value: megabytes(empty[what]) },
      { name: `${name}, at the beginning`, unit: 'MB', value: megabytes(first) },
      { name: `${name}, at the end`, unit: 'MB', value: megabytes(last) },
      { name: `${name}, end to beginning`, unit: '', value: last / first, atMost: GROWTH_MAX },
      { name: `${name}, when all had gone`, unit: 'MB', value: megabytes(left[what]) },
    ];
  };
  return [
    ...memory('heap', 'heap'),
    ...memory('resident', 'resident'),
    { name: 'heap a connection, at the beginning', unit: 'KB', value: added(begin, 'connections') },
    { name: 'heap a connection, at the end', unit: 'KB', value: added(end, 'connections') },
    { name: 'heap a session, at the beginning', unit: 'KB', value: added(begin, 'rooms') },
    { name: 'heap a session, at the end', unit: 'KB', value: added(end, 'rooms') },
    { name: 'sessions in memory', unit: '', value: of(end, ({ rooms }) => rooms) },
    { name: 'sessions in memory, when all had gone', unit: '', value: left.rooms },
  ];
}

function megabytes(bytes: number): number {
  return bytes / 1_048_576;
}
