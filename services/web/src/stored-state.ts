import { useCallback, useEffect, useRef, useState } from 'react';
import { readText, setAside, writeText } from './browser-storage.js';

/**
 * State that outlives the page, shared by the tabs of a browser. A change is made to what is stored now, not to what
 * this tab has read before, so that a tab that was asleep takes nothing back that another one has changed.
 *
 * @param key in localStorage
 * @param read makes the value from the object that was stored; it is given undefined when there is none
 * @returns the value, and a function that changes it
 */
export function useStoredState<T>(
  key: string,
  read: (stored: object | undefined) => T,
): [T, (change: (before: T) => T) => void] {
  const [value, setValue] = useState(() => read(load(key)));
  const newest = useRef(value);
  /** Whether this tab has changes that could not be stored. */
  const isAhead = useRef(false);

  const become = useCallback((next: T) => {
    newest.current = next;
    setValue(next);
  }, []);

  const change = useCallback(
    (make: (before: T) => T) => {
      const stored = isAhead.current ? undefined : load(key);
      const next = make(stored ? read(stored) : newest.current);
      isAhead.current = !writeText('localStorage', key, JSON.stringify(next));
      become(next);
    },
    [key, read, become],
  );

  useEffect(() => {
    // What is removed by other means than this page stays as it is here, and is stored with the next change.
    const changed = (event: StorageEvent) => {
      const stored = event.key === key && !isAhead.current ? load(key) : undefined;
      if (stored) become(read(stored));
    };
    globalThis.addEventListener('storage', changed);
    return () => globalThis.removeEventListener('storage', changed);
  }, [key, read, become]);

  return [value, change];
}

function load(key: string): object | undefined {
  const text = readText('localStorage', key);
  if (text === undefined) return undefined;
  try {
    const stored: unknown = JSON.parse(text);
    if (typeof stored === 'object' && stored !== null && !Array.isArray(stored)) return stored;
  } catch {
    // It is set aside like a value of another form.
  }
  setAside(key, text);
  return undefined;
}
