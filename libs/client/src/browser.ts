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

const NETWORK_EVENTS = ['online', 'offline'];

/**
 * Listens to the events of a page's life.
 *
 * @param wake called when the network comes or goes, and when the user comes back
 * @param leave called when the page is hidden or left, which may be its end
 * @returns stops listening
 */
export function onPageEvents({ wake, leave }: { wake: () => void; leave: () => void }): () => void {
  if (typeof document === 'undefined') return () => undefined;
  const onVisibility = () => (document.visibilityState === 'visible' ? wake() : leave());
  for (const name of NETWORK_EVENTS) globalThis.addEventListener(name, wake);
  globalThis.addEventListener('pagehide', leave);
  document.addEventListener('visibilitychange', onVisibility);
  return () => {
    for (const name of NETWORK_EVENTS) globalThis.removeEventListener(name, wake);
    globalThis.removeEventListener('pagehide', leave);
    document.removeEventListener('visibilitychange', onVisibility);
  };
}
