import { describe, expect, it } from 'vitest';
import { handshakeProblem } from './handshake.js';

const GOOD = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

const problemOf = (changed: Record<string, string | undefined>) => {
  const lines = Object.entries({ ...GOOD, ...changed }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return handshakeProblem(new Map(lines));
};

describe('handshakeProblem', () => {
  it.each(['Upgrade', 'upgrade', 'keep-alive, Upgrade', 'UPGRADE,x'])('C9: passes Connection: %s', (connection) => {
    expect(problemOf({ connection })).toBeUndefined();
  });

  it.each([undefined, '', '8', '7', '0', '12', '14', '013', '13, 8', '13,13'])('C9: version %j gets 426', (version) => {
    expect(problemOf({ 'sec-websocket-version': version })).toMatchObject({
      status: 426,
      body: { success: false, code: 'bad_request' },
    });
  });

  it.each([undefined, '', 'keep-alive', 'close', 'upgraded', 'x-upgrade'])(
    'C9: Connection: %j gets 400',
    (connection) => {
      expect(problemOf({ connection })?.status).toBe(400);
    },
  );

  it.each([undefined, '', 'x', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZR==', `${'A'.repeat(43)}=`, 'a,b'])(
    'C9: key %j gets 400',
    (key) => {
      expect(problemOf({ 'sec-websocket-key': key })?.status).toBe(400);
    },
  );
});
