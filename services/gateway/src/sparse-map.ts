/**
 * A map that has nothing in it most of the time, of which there are many: an empty one takes a sixth of a Map's memory.
 */
export class SparseMap<K, V> {
  #map: Map<K, V> | undefined;

  get size(): number {
    return this.#map?.size ?? 0;
  }

  get(key: K): V | undefined {
    return this.#map?.get(key);
  }

  has(key: K): boolean {
    return this.#map?.has(key) === true;
  }

  set(key: K, value: V): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    const deleted = this.#map?.delete(key) === true;
    if (this.#map?.size === 0) this.#map = undefined;
    return deleted;
  }

  keys(): Iterable<K> {
    return this.#map?.keys() ?? [];
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#map ?? [])[Symbol.iterator]();
  }
}
