import { announcedRandom, runs } from '@holdfast/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ScanTarget, scanPage } from './scan-page.js';

/** A hash table that is scanned as Redis does it: slots in the order of their reversed bits, each one whole. */
class Table implements ScanTarget {
  calls = 0;
  #bits: number;
  #slots = new Map<number, string[]>();

  constructor(
    readonly keys: readonly string[],
    bits: number,
  ) {
    this.#bits = bits - 1;
    this.grow();
  }

  grow(): void {
    this.#bits += 1;
    this.#slots = new Map();
    for (const key of this.keys) {
      const slot = hashOf(key) & (2 ** this.#bits - 1);
      this.#slots.set(slot, [...(this.#slots.get(slot) ?? []), key]);
    }
  }

  async scan(cursor: string, _match: 'MATCH', pattern: string, _count: 'COUNT', size: number) {
    this.calls += 1;
    const mask = 2 ** this.#bits - 1;
    const seen: string[] = [];
    let at = Number(cursor);
    do {
      seen.push(...(this.#slots.get(at & mask) ?? []));
      at = reversed((reversed((at | ~mask) >>> 0) + 1) >>> 0);
    } while (at !== 0 && seen.length < size);
    const prefix = pattern.slice(0, -1);
    return [String(at), seen.filter((key) => key.startsWith(prefix))] satisfies [string, string[]];
  }
}

function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const character of key) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  return (hash ^ (hash >>> 15)) >>> 0;
}

function reversed(value: number): number {
  let result = 0;
  for (let bit = 0; bit < 32; bit++) result = (result * 2 + ((value >>> bit) & 1)) >>> 0;
  return result;
}

async function listAll(targets: Table[], limit: number, between: () => void = () => undefined): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await scanPage(targets, 'session:*', limit, cursor);
    expect(page.keys.length).toBeLessThanOrEqual(limit);
    expect(new Set(page.keys).size).toBe(page.keys.length);
    seen.push(...page.keys);
    cursor = page.cursor ?? undefined;
    between();
  } while (cursor !== undefined);
  return seen.sort();
}

const keysOf = (name: string, count: number) => Array.from({ length: count }, (_, n) => `session:${name}${n}`);

describe('scanPage', () => {
  const tables = fc.array(
    fc.record({ sessions: fc.nat(60), others: fc.nat(60), bits: fc.integer({ min: 0, max: 6 }) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  );
  const limit = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 200 }));
  const build = (specs: { sessions: number; others: number; bits: number }[]) => {
    const sessions = specs.map((spec, n) => keysOf(`${n}.`, spec.sessions));
    const targets = specs.map((spec, n) => {
      const others = Array.from({ length: spec.others }, (_, at) => `{session:${n}.${at}}:log`);
      return new Table([...(sessions[n] ?? []), ...others], spec.bits);
    });
    return { targets, all: sessions.flat().sort() };
  };

  it('gives every key once, in pages of at most the limit', async () => {
    await fc.assert(
      fc.asyncProperty(tables, limit, async (specs, size) => {
        const { targets, all } = build(specs);
        expect(await listAll(targets, size)).toEqual(all);
      }),
      { seed: announcedRandom('pages').seed, numRuns: runs(200) },
    );
  });

  it('misses no key while the server’s table grows between pages', async () => {
    await fc.assert(
      fc.asyncProperty(tables, limit, async (specs, size) => {
        const { targets, all } = build(specs);
        let growths = 0;
        const seen = await listAll(targets, size, () => {
          if (growths++ < 4) for (const target of targets) target.grow();
        });
        expect([...new Set(seen)]).toEqual(all);
      }),
      { seed: announcedRandom('pages of a growing table').seed, numRuns: runs(200) },
    );
  });

  it('bounds the work of one page: a rare prefix gives short pages', async () => {
    const rare = ['session:zz-1', 'session:zz-2'];
    const table = new Table([...keysOf('a', 3000), ...rare], 11);
    const page = await scanPage([table], 'session:zz-*', 10);
    expect({ ...page, keys: page.keys.sort() }).toEqual({ keys: rare, cursor: null });
    expect(table.calls).toBeLessThan(20);
  });

  it.each(['', 'x', '0', '0:0', '-1:0:', '0:0:ä', '0:x:', '0:0::', '0:0:a b'])(
    'refuses %j as a cursor',
    async (cursor) => {
      await expect(scanPage([], '*', 10, cursor)).rejects.toThrow(new RangeError('invalid cursor'));
    },
  );
});
