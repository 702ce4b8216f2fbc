import type { ClientStorage } from './options.js';

/** The page's `localStorage`. Absent outside of a page, and where the browser forbids it. */
export function browserStorage(): ClientStorage | undefined {
  try {
    return (globalThis as { localStorage?: ClientStorage }).localStorage;
  } catch {
    // Browsers that block cookies throw as soon as the property is read.
    return undefined;
  }
}

export function isInPage(): boolean {
  return typeof document !== 'undefined';
}

const NETWORK_EVENTS = ['online', 'offline'];

interface PageListeners {
  readonly wake: () => void;
  readonly leave: () => void;
  readonly stored: (key: string | null) => void;
}

/**
 * Listens to the events of a page's life.
 *
 * @param wake called when the network comes or goes, and when the user comes back
 * @param leave called when the page is hidden or left, which may be its end
 * @param stored called with the key that another tab has changed in the storage; null: any, also after a time in which
 *   this tab was not told
 * @returns stops listening
 */
export function onPageEvents({ wake, leave, stored }: PageListeners): () => void {
  if (!isInPage()) return () => undefined;
  const onVisibility = () => {
    if (document.visibilityState !== 'visible') return leave();
    wake();
    stored(null);
  };
  const onStorage = ({ key }: { key: string | null }) => stored(key);
  for (const name of NETWORK_EVENTS) globalThis.addEventListener(name, wake);
  globalThis.addEventListener('pagehide', leave);
  globalThis.addEventListener('storage', onStorage);
  document.addEventListener('visibilitychange', onVisibility);
  return () => {
    for (const name of NETWORK_EVENTS) globalThis.removeEventListener(name, wake);
    globalThis.removeEventListener('pagehide', leave);
    globalThis.removeEventListener('storage', onStorage);
    document.removeEventListener('visibilitychange', onVisibility);
  };
}
