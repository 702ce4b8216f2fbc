import { parseUrl } from './parse-url.js';

/** What decides whether a page may use a service: headers as they came. Several lines of one are joined by commas. */
export interface PageHeaders {
  /** `Origin`. Browsers send it; a request without one does not come from a page. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** `X-Forwarded-Host`, `X-Forwarded-Proto`. */
  readonly forwardedHost: string | undefined;
  readonly forwardedProto: string | undefined;
}

export interface OriginOptions {
  /** As {@link parseOrigin} writes them. Empty: pages of the host that was asked. */
  readonly allowedOrigins: readonly string[];
  /** Whether a proxy in front writes the `X-Forwarded-` headers, so that they can be believed. */
  readonly trustProxy: boolean;
}

/** Schemes with hosts of which no page has an origin with a host. */
const NO_PAGES: ReadonlySet<string> = new Set(['ws', 'wss', 'ftp', 'file']);

/**
 * Reads an origin, as it stands in an `Origin` header or in `ALLOWED_ORIGINS`: of a site (`https://chat.example`) or of
 * an app with a scheme of its own (`capacitor://localhost`).
 *
 * @returns the one spelling of this origin: small letters, without the scheme's default port, IP addresses in short form.
 *   Nothing when it is none, as `null` is none.
 */
export function parseOrigin(text: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/[^/?#@\\,\s]+$/i.exec(text)?.[1]?.toLowerCase();
  const url = scheme === undefined || NO_PAGES.has(scheme) ? undefined : parseUrl(text);
  if (scheme === undefined || !url) return undefined;
  // Only of sites does a URL know the origin and write the host in small letters.
  return isSite(scheme) ? url.origin : `${scheme}://${url.host.toLowerCase()}`;
}

/**
 * The name or address that a `Host` header begins with.
 *
 * @returns in its one spelling: small letters, IP addresses in short form, IPv6 in brackets, no dot at the end. Nothing
 *   when it is none.
 */
export function hostName(header: string): string | undefined {
  if (!/^[^/?#@\\,\s]+$/.test(header)) return undefined;
  return parseUrl(`http://${header}`)?.hostname.replace(/\.$/, '');
}

/** Whether a request may come from the page it comes from (C4). Without an `Origin` header it may. */
export function isOriginAllowed(headers: PageHeaders, { allowedOrigins, trustProxy }: OriginOptions): boolean {
  if (headers.origin === undefined) return true;
  const origin = parseOrigin(headers.origin);
  if (origin === undefined) return false;
  return allowedOrigins.length > 0 ? allowedOrigins.includes(origin) : isOfSameHost(origin, headers, trustProxy);
}

function isOfSameHost(origin: string, headers: PageHeaders, trustProxy: boolean): boolean {
  const scheme = origin.slice(0, origin.indexOf(':'));
  if (!isSite(scheme)) return false;
  const proto = trustProxy ? lastOf(headers.forwardedProto).toLowerCase() : '';
  // Whoever is on the network can write a page of http. An https page passes at http, because a proxy further out may
  // have ended TLS without our proxy knowing.
  if (proto === 'https' && scheme !== 'https') return false;
  const host = (trustProxy && lastOf(headers.forwardedHost)) || (headers.host ?? '');
  // A host without a port has the default port of the page's scheme.
  return parseOrigin(`${scheme}://${host}`) === origin;
}

/** The last value of a list: the one that the nearest proxy wrote. A client can invent those before it. */
export function lastOf(list: string | undefined): string {
  return list?.slice(list.lastIndexOf(',') + 1).trim() ?? '';
}

function isSite(scheme: string): boolean {
  return scheme === 'http' || scheme === 'https';
}
