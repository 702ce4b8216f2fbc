import type { ClientStorage } from './options.js';

/** The browser's own storage; absent outside of a page, and where it is forbidden. */
export function browserStorage(): ClientStorage | undefined {
  try {
    return (globalThis as { localStorage?: ClientStorage }).localStorage;
  } catch {
    // Reading the property alone throws where cookies are blocked.
    return undefined;
  }
}

/**
 * Listens to what a page goes through.
 *
 * @param wake called when the network or the user is back
 * @param leave called when the page may go for good
 * @returns stops listening
 */
export function onPageEvents({ wake, leave }: { wake: () => void; leave: () => void }): () => void {
  if (typeof document === 'undefined') return () => undefined;
  const shown = () => (document.visibilityState === 'visible' ? wake() : leave());
  globalThis.addEventListener('online', wake);
  globalThis.addEventListener('pagehide', leave);
  document.addEventListener('visibilitychange', shown);
  return () => {
    globalThis.removeEventListener('online', wake);
    globalThis.removeEventListener('pagehide', leave);
    document.removeEventListener('visibilitychange', shown);
  };
}
