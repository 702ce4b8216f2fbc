import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clientAddress, networkOf, parseAddress } from './client-address.js';

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.1:5000', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:c000:201', '192.0.2.1'],
  ['0000:0000:0000:0000:0000:ffff:c000:0201', '192.0.2.1'],
  ['[::ffff:192.0.2.1]:5000', '192.0.2.1'],
  ['2001:DB8:0:0::000A', '2001:db8::a'],
  ['[2001:db8::a]', '2001:db8::a'],
  ['[2001:db8::a]:443', '2001:db8::a'],
  ['fe80::1%eth0', 'fe80::1'],
  ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
])('C4: the address %s is %s', (text, address) => {
  expect(parseAddress(text)).toBe(address);
});

it.each([
  '',
  'unknown',
  '_hidden',
  '192.0.2',
  '192.0.2.256',
  '010.0.0.1',
  '192.0.2.1:',
  '[192.0.2.1]:5',
  '[::1',
  '::1]',
])('C4: %j is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

it('C4: with TRUST_PROXY the last entry of X-Forwarded-For counts, and the connection itself when that is no address', () => {
  expect(clientAddress('10.0.0.1', '198.51.100.9, 203.0.113.1:5000', true)).toBe('203.0.113.1');
  expect(clientAddress('::ffff:10.0.0.1', '198.51.100.9, unknown', true)).toBe('10.0.0.1');
  expect(clientAddress('::ffff:10.0.0.1', '', true)).toBe('10.0.0.1');
  expect(clientAddress('::ffff:10.0.0.1', '203.0.113.1', false)).toBe('10.0.0.1');
});

it('C4: every spelling of an IPv6 address is one client', () => {
  const spelling = (group: number, long: boolean) => {
    const text = group.toString(16);
    return long ? text.padStart(4, '0').toUpperCase() : text;
  };
  fc.assert(
    fc.property(
      fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 8 }),
      fc.boolean(),
      fc.nat(65_535),
      (groups, long, port) => {
        const text = groups.map((group) => spelling(group, long)).join(':');
        const address = parseAddress(text);
        expect(isIP(address ?? '')).not.toBe(0);
        expect(parseAddress(`[${text}]:${port}`)).toBe(address);
        expect(parseAddress(address ?? '')).toBe(address);
      },
    ),
  );
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['unknown', 'unknown'],
  ['', ''],
  ['::1', '::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['2001:db8::ffff:1:2:3', '2001:db8::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['2001:db8:0:1::', '2001:db8:0:1::/64'],
  ['1::8:7:6:5:4', '1:0:0:8::/64'],
])('M1: %s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

it('M1: addresses of one /64 are counted as one, and no others', () => {
  const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), group, (groups, other) => {
      const at = (index: number) => groups.map((each, i) => (i === index ? other : each)).join(':');
      const network = (text: string) => networkOf(parseAddress(text) ?? '');
      const one = network(groups.join(':'));
      for (let index = 4; index < 8; index++) expect(network(at(index))).toBe(one);
      for (let index = 0; index < 4; index++) expect(network(at(index)) === one).toBe(groups[index] === other);
    }),
  );
});
