import { type Dispatch, type SetStateAction, useEffect, useState } from 'react';

/**
 * State that outlives the page, shared by the tabs of a browser.
 *
 * @param key in localStorage
 * @param read makes the value from what was stored; it is given undefined when nothing readable was stored
 */
export function useStoredState<T>(key: string, read: (stored: unknown) => T): [T, Dispatch<SetStateAction<T>>] {
  const [value, setValue] = useState(() => read(load(key)));

  useEffect(() => save(key, value), [key, value]);

  useEffect(() => {
    const changed = (event: StorageEvent) => {
      if (event.key === key) setValue(read(load(key)));
    };
    globalThis.addEventListener('storage', changed);
    return () => globalThis.removeEventListener('storage', changed);
  }, [key, read]);

  return [value, setValue];
}

function load(key: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') ?? undefined;
  } catch (error) {
    console.warn(`${key} cannot be read and begins anew`, error);
    return undefined;
  }
}

function save(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch (error) {
    // The page works without storage. Only after a reload is the value missing.
    console.warn(`${key} cannot be stored`, error);
  }
}
