import { isIP } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clientAddress, parseAddress } from './client-address.js';

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
