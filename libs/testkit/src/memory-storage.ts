/**
 * A browser's `localStorage`, in memory. It outlives the client that uses it, so that a reloaded page finds what the
 * page before it has stored. Like {@link FakeClock} it fits the interfaces of others without knowing them.
 */
export class MemoryStorage {
  readonly #items = new Map<string, string>();

  get length(): number {
    return this.#items.size;
  }

  key(index: number): string | null {
    return [...this.#items.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }

  removeItem(key: string): void {
    this.#items.delete(key);
  }
}
