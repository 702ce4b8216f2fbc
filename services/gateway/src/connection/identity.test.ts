import { isSendId } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { compactCopy, identify } from './identity.js';

const SECRET = 'a-secret-of-the-client';

describe('who a connection is', () => {
  it('C7: a client that gave no secret is known by its connection', () => {
    expect(identify('c1', undefined)).toEqual({ connectionId: 'c1', sender: 'c1', senderKey: 'c1' });
  });

  it('C7: the name of a client is a short hash of its secret, the same on every connection', () => {
    const [one, two] = [identify('c1', SECRET), identify('c2', SECRET)];
    expect(one.sender).toBe(two.sender);
    expect(one.sender.length).toBeLessThanOrEqual(12);
    expect(identify('c1', `${SECRET}.`).sender).not.toBe(one.sender);
  });

  it('A4: all connections of a client have one sender key, and another client has another', () => {
    const [one, two] = [identify('c1', SECRET), identify('c2', SECRET)];
    expect(one.senderKey).toBe(two.senderKey);
    expect(identify('c1', `${SECRET}.`).senderKey).not.toBe(one.senderKey);
    // Everybody sees the name; the key tells clients apart, and has to be longer.
    expect(one.senderKey.length).toBeGreaterThanOrEqual(22);
  });

  it('A4: neither name nor key holds the secret, and both have only characters of C2', () => {
    const { sender, senderKey } = identify('c1', SECRET);
    expect(sender).not.toContain(SECRET);
    expect(senderKey).not.toContain(SECRET);
    expect([isSendId(sender), isSendId(senderKey)]).toEqual([true, true]);
  });

  it('A4: nobody gets the sender key of a client by giving its name or its key as a secret', () => {
    const victim = identify('c1', SECRET);
    expect(identify('c2', victim.sender.padEnd(16, 'x')).senderKey).not.toBe(victim.senderKey);
    expect(identify('c2', victim.senderKey).senderKey).not.toBe(victim.senderKey);
  });
});

it('a compact copy is the same text', () => {
  for (const text of ['', 'a', 'A-Z.a_z~0-9', 'x'.repeat(128)]) expect(compactCopy(text)).toBe(text);
});
