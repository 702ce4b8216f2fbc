/** Numbers in the smallest table. */
const SMALLEST = 16;

/**
 * Finds the number of an id among consecutive numbers, by the id's hash. It is a hash table with chaining in one typed
 * array: each chain leads from the newest number of a hash to older ones. So adding a message makes no object, and
 * forgetting old messages costs nothing, because a chain ends where it reaches a number that is too old.
 */
export class IdIndex {
  /** How many consecutive numbers fit; a power of two. */
  #capacity = SMALLEST;
  /**
   * Three parts: the newest number by hash (2 × capacity), the previous number of the same hash by number (capacity), and
   * the hash by number (capacity).
   */
  #table = new Uint32Array(SMALLEST * 4);

  /**
   * @param seq the number after the last one added
   * @param hash of its id, 32 bits
   * @param firstSeq the oldest number that is still to be found
   */
  add(seq: number, hash: number, firstSeq: number): void {
    while (seq - firstSeq >= this.#capacity) this.#grow(firstSeq, seq - 1);
    this.#set(seq, hash);
  }

  /** @returns the newest number from `firstSeq` to `lastSeq` that has the hash and for which `isIt` holds */
  find(hash: number, firstSeq: number, lastSeq: number, isIt: (seq: number) => boolean): number | undefined {
    const capacity = this.#capacity;
    const table = this.#table;
    let low = table[hash & (capacity * 2 - 1)] ?? 0;
    // Numbers are kept modulo 2^32, and chains only go back.
    for (let newer = lastSeq - firstSeq + 1; ; ) {
      const offset = (low - firstSeq) >>> 0;
      if (offset >= newer) return undefined;
      const slot = low & (capacity - 1);
      if (table[capacity * 3 + slot] === hash && isIt(firstSeq + offset)) return firstSeq + offset;
      newer = offset;
      low = table[capacity * 2 + slot] ?? 0;
    }
  }

  #set(seq: number, hash: number): void {
    const capacity = this.#capacity;
    const head = hash & (capacity * 2 - 1);
    const slot = seq & (capacity - 1);
    this.#table[capacity * 2 + slot] = this.#table[head] ?? 0;
    this.#table[capacity * 3 + slot] = hash;
    this.#table[head] = seq;
  }

  #grow(firstSeq: number, lastSeq: number): void {
    const before = this.#table;
    const capacity = this.#capacity;
    this.#capacity *= 2;
    this.#table = new Uint32Array(this.#capacity * 4);
    for (let seq = Math.max(firstSeq, lastSeq - capacity + 1); seq <= lastSeq; seq++) {
      this.#set(seq, before[capacity * 3 + (seq & (capacity - 1))] ?? 0);
    }
  }
}
