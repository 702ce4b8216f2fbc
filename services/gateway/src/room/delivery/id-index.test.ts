import { idHash } from '@holdfast/session-store';
import { announcedRandom } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { IdIndex } from './id-index.js';

describe('an index of ids', () => {
  it('A4: finds what a plain search from the newest finds, while numbers come and go', () => {
    const random = announcedRandom('id index');
    for (let round = 0; round < 200; round++) {
      const index = new IdIndex();
      // Also around where a number no longer fits into what is kept of it.
      let firstSeq = random.pick([1, 2 ** 32 - 20, 2 ** 40 + 7]);
      let lastSeq = firstSeq - 1;
      const ids: string[] = [];
      const idOf = (seq: number) => ids[ids.length - 1 - (lastSeq - seq)];
      for (let step = 0; step < 120; step++) {
        // A few ids only, so that many repeat; two of them have one hash.
        const id = random.pick(['Aa', 'BB', 'c', 'd', 'e']);
        index.add(lastSeq + 1, idHash(id), firstSeq);
        lastSeq += 1;
        ids.push(id);
        if (random.next() < 0.7 && firstSeq < lastSeq) firstSeq += 1;
        for (const wanted of ['Aa', 'BB', 'c', 'x']) {
          let expected: number | undefined;
          for (let seq = firstSeq; seq <= lastSeq; seq++) if (idOf(seq) === wanted) expected = seq;
          expect(index.find(idHash(wanted), firstSeq, lastSeq, (seq) => idOf(seq) === wanted)).toBe(expected);
        }
      }
    }
  });

  it('A4: goes on looking where the newest of that id is not the one', () => {
    const index = new IdIndex();
    for (let seq = 1; seq <= 5; seq++) index.add(seq, idHash('same'), 1);
    expect(index.find(idHash('same'), 1, 5, (seq) => seq === 2)).toBe(2);
    expect(index.find(idHash('same'), 3, 5, (seq) => seq === 2)).toBeUndefined();
  });
});
