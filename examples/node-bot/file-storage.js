import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/**
 * What the client needs of a browser's `localStorage`, in a file: a few keys, written anew at each change. The file is
 * replaced in one step, so a crash leaves the old one or the new one.
 */
export class FileStorage {
  #file;
  #items;

  constructor(file) {
    this.#file = file;
    this.#items = new Map(Object.entries(read(file)));
  }

  get length() {
    return this.#items.size;
  }

  key(index) {
    return [...this.#items.keys()][index] ?? null;
  }

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.#items.get(key) === value) return;
    this.#items.set(key, value);
    this.#write();
  }

  removeItem(key) {
    if (this.#items.delete(key)) this.#write();
  }

  #write() {
    writeFileSync(`${this.#file}.new`, JSON.stringify(Object.fromEntries(this.#items)));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** @returns {Record<string, string>} empty when there is no file yet */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}
