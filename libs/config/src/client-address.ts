import { isIP } from 'node:net';
import { lastOf } from './origin.js';

/**
 * The address a client is counted under (C4).
 *
 * @param remoteAddress of the connection
 * @param forwardedFor `X-Forwarded-For`, all its lines joined by commas
 * @param trustProxy whether a proxy in front writes that header, so that its last entry can be believed
 * @returns in its one spelling. An entry that is no address is passed over for the connection's own, because a new
 *   spelling of nonsense must not be a new client.
 */
export function clientAddress(remoteAddress: string, forwardedFor: string, trustProxy: boolean): string {
  const forwarded = trustProxy ? parseAddress(lastOf(forwardedFor)) : undefined;
  return forwarded ?? parseAddress(remoteAddress) ?? remoteAddress;
}

/**
 * Reads an IP address that may have a port: `192.0.2.1:5000`, `[2001:db8::1]:5000`.
 *
 * @returns the one spelling of the address: IPv6 in short form without its zone, and IPv4 that is mapped into IPv6
 *   (`::ffff:192.0.2.1`) as IPv4. Nothing when it is none.
 */
export function parseAddress(text: string): string | undefined {
  const [, bracketed, withPort] = /^\[([^\]]*)\](?::\d{1,5})?$|^([\d.]+):\d{1,5}$/.exec(text) ?? [];
  const address = (bracketed ?? withPort ?? text).replace(/%.*$/, '');
  const family = isIP(address);
  if (family === 0 || (bracketed !== undefined && family === 4)) return undefined;
  if (family === 4) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(short);
  if (!mapped) return short;
  return mapped.slice(1).flatMap(bytesOf).join('.');
}

/**
 * What an address is counted as where somebody could have many: whoever has one IPv6 address has all of its /64.
 *
 * @param address as {@link clientAddress} writes it
 * @returns IPv4 and whatever is no address as they are, IPv6 as its network: `2001:db8::/64`
 */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [before = '', after] = address.split('::');
  const [head, tail] = [before, after ?? ''].map((part) => part.split(':').filter((group) => group !== ''));
  const missing = after === undefined ? 0 : 8 - (head?.length ?? 0) - (tail?.length ?? 0);
  const groups = [...(head ?? []), ...Array<string>(missing).fill('0'), ...(tail ?? [])];
  return `${new URL(`http://[${groups.slice(0, 4).join(':')}::]`).hostname.slice(1, -1)}/64`;
}

/** The two bytes of a group of an IPv6 address. */
function bytesOf(group: string): [number, number] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}
