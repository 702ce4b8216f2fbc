import { isLoopback } from './loopback.js';
import { hostName, lastOf, type PageHeaders } from './origin.js';

/** Names that requests may be addressed to, besides those of loopback. */
export type AllowedHosts = readonly string[] | 'any';

/**
 * Decides which names a listener takes (N2).
 *
 * @param listensOn address of the listener. On another one than loopback a process does not know its names, and takes any
 *   unless some are named.
 * @param named `ALLOWED_HOSTS`
 * @param origins `ALLOWED_ORIGINS`
 */
export function allowedHosts(listensOn: string, named: readonly string[], origins: readonly string[]): AllowedHosts {
  if (named.includes('*') || (named.length === 0 && !isLoopback(listensOn))) return 'any';
  const ofOrigins = origins.map((origin) => hostName(origin.slice(origin.indexOf('://') + 3)));
  return [...named, ...ofOrigins.filter((name) => name !== undefined)];
}

/**
 * Whether a request is addressed to a name that is served here (N2). A page that has its own name resolve to this machine
 * is of the same host as the server for its browser, so that no check of its origin would stop it.
 */
export function isHostAllowed(
  { host, forwardedHost }: Pick<PageHeaders, 'host' | 'forwardedHost'>,
  { allowedHosts: allowed, trustProxy }: { readonly allowedHosts: AllowedHosts; readonly trustProxy: boolean },
): boolean {
  if (allowed === 'any') return true;
  // Whoever is asked by a browser without a proxy in between is told the truth in `Host` alone.
  const asked = [host ?? '', ...(trustProxy && forwardedHost ? [lastOf(forwardedHost)] : [])];
  return asked.every((each) => isNameAllowed(hostName(each), allowed));
}

function isNameAllowed(name: string | undefined, allowed: readonly string[]): boolean {
  if (name === undefined) return false;
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1')) || name.endsWith('.localhost') || allowed.includes(name);
}

/** What the admin port asks of requests, for its listener. */
export function adminAccess(config: { readonly adminHosts: AllowedHosts; readonly adminToken?: string }) {
  const options = { allowedHosts: config.adminHosts, trustProxy: false };
  return {
    isHostAllowed: (host: string) => isHostAllowed({ host, forwardedHost: undefined }, options),
    token: config.adminToken,
  };
}
