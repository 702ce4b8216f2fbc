import { storageProblemOf } from '@holdfast/client/react';
import { useSyncExternalStore } from 'react';

/** Whether the value outlives the tab (and is shared by all tabs), or only a reload of it. */
export type StorageArea = 'localStorage' | 'sessionStorage';

/** Why this browser does not keep what the page has given it. `unreadable`: what it had kept was set aside. */
export type PageStorageProblem = ReturnType<typeof storageProblemOf> | 'unreadable';

let problem: PageStorageProblem | undefined;
const listeners = new Set<() => void>();

/** @returns undefined when nothing is stored, and where the browser forbids the page to look */
export function readText(area: StorageArea, key: string): string | undefined {
  try {
    return globalThis[area].getItem(key) ?? undefined;
  } catch (error) {
    report(storageProblemOf(error));
    return undefined;
  }
}

/**
 * @param text undefined removes what is stored
 * @returns whether it is stored. If it is not, the page says so ({@link useStorageProblem}).
 */
export function writeText(area: StorageArea, key: string, text: string | undefined): boolean {
  try {
    if (text === undefined) globalThis[area].removeItem(key);
    else globalThis[area].setItem(key, text);
    return true;
  } catch (error) {
    report(storageProblemOf(error));
    return false;
  }
}

/** @returns the keys that begin like this; none where the browser forbids the page to look */
export function keysOf(area: StorageArea, begin: string): string[] {
  try {
    return Object.keys(globalThis[area]).filter((key) => key.startsWith(begin));
  } catch (error) {
    report(storageProblemOf(error));
    return [];
  }
}

/** Puts a value that cannot be read where it is not overwritten. */
export function setAside(key: string, text: string): void {
  writeText('localStorage', `${key}:unreadable`, text);
  report('unreadable');
}

/** Undefined until something could not be stored. */
export function useStorageProblem(): PageStorageProblem | undefined {
  return useSyncExternalStore(subscribe, current, current);
}

function current(): PageStorageProblem | undefined {
  return problem;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function report(found: PageStorageProblem): void {
  if (found === problem) return;
  problem = found;
  // Not at once: values are read while components are drawn, and no other component may be changed then.
  queueMicrotask(() => {
    for (const listener of [...listeners]) listener();
  });
}
