/** The kernel looks for a free port of an address one after the other: with thousands taken that is what takes longest. */
const PER_ADDRESS = 250;

/** Where a member of the load connects from: loopback addresses, so that none runs out of ports. */
export function localAddressOf(number: number): string {
  const index = Math.floor(number / PER_ADDRESS);
  return `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}
