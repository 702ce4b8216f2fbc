import { readdirSync, readFileSync } from 'node:fs';
import { isStoredSessionId } from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { type Names, namesOf, sessionKey } from './keys.js';

/** Every name that a deployment uses for a session, or for itself. */
function allNames(names: Names, sessionId: string): string[] {
  return [
    names.sessionKey(sessionId),
    names.logKey(sessionId),
    names.liveChannel(sessionId),
    names.nameIndexKey(sessionId),
    names.tombstoneKey(sessionId),
    `${names.quarantinePrefix(sessionId)}1:log`,
    names.orphanKey(sessionId),
    names.auditReportKey,
    names.auditBegunKey('expiry'),
    `${names.auditQueuePrefix}:audits:wait`,
    names.broadcastKey('b1'),
    names.limitKey('created', 'sub:a'),
    names.ordersKey('revoked'),
    names.ordersKey('disconnected'),
    names.ordersChannel,
    names.broadcastChannel,
    names.canaryChannel('one'),
  ];
}

/** The part of a name that decides about its slot in a cluster. */
function hashed(name: string): string {
  return /\{(.+?)\}/.exec(name)?.[1] ?? name;
}

/** What `keys.ts` exports beside {@link namesOf}, for tests and operators. */
const UNSCOPED = [
  'sessionKey',
  'logKey',
  'liveChannel',
  'nameIndexKey',
  'tombstoneKey',
  'quarantinePrefix',
  'orphanKey',
  'auditBegunKey',
  'broadcastKey',
  'limitKey',
  'ordersKey',
  'ORDERS_CHANNEL',
  'sessionIdOf',
  'AUDIT_REPORT_KEY',
  'AUDIT_QUEUE_PREFIX',
  'BROADCAST_CHANNEL',
];

const SCOPES = ['', 'a', 'a:', 'session:', 'holdfast:', 'a:session:', 'bull', '1'].flatMap((keyPrefix) =>
  [0, 1, 11].map((database) => ({ keyPrefix, database })),
);

describe('namesOf', () => {
  it('K3, K7: names channels as before in database 0, and with its number in every other', () => {
    const [zero, one] = [namesOf({ database: 0 }), namesOf({ database: 1 })];
    expect(zero.liveChannel('a')).toBe('{session:a}:live');
    expect(zero.broadcastChannel).toBe('holdfast:broadcast');
    expect(zero.canaryChannel('x')).toBe('holdfast:canary:x');
    expect(one.liveChannel('a')).toBe('{session:a}:live@1');
    expect(one.broadcastChannel).toBe('holdfast:broadcast@1');
    expect(one.canaryChannel('x')).toBe('holdfast:canary:x@1');
    expect(one.sessionKey('a')).toBe(zero.sessionKey('a'));
  });

  it('K7: a prefix begins every name, and the slot of a session stays that of its key', () => {
    const names = namesOf({ keyPrefix: 'team:', database: 2 });
    for (const name of allNames(names, 'a')) expect(name).toMatch(/^team:/);
    expect(names.sessionKey('a')).toBe('team:session:a');
    expect(names.logKey('a')).toBe('team:{team:session:a}:log');
    const ofSession = allNames(names, 'a').slice(0, 6);
    expect(new Set(ofSession.map(hashed))).toEqual(new Set(['team:session:a']));
  });

  it('K7: no two deployments have a name in common, but for the keys of different databases', () => {
    for (const one of SCOPES) {
      for (const other of SCOPES) {
        if (one === other) continue;
        const [ofOne, ofOther] = [one, other].map((scope) => new Set(allNames(namesOf(scope), 'a')));
        const shared = [...(ofOne ?? [])].filter((name) => ofOther?.has(name));
        const isKey = (name: string) => !/:live|:orders|holdfast:broadcast|holdfast:canary/.test(name);
        if (one.keyPrefix === other.keyPrefix) expect(shared.every(isKey), JSON.stringify([one, other])).toBe(true);
        else expect(shared, JSON.stringify([one, other])).toEqual([]);
      }
    }
  });

  it('K7: finds the ids of its own keys only', () => {
    for (const one of SCOPES) {
      for (const other of SCOPES) {
        const keys = allNames(namesOf(other), 'a').slice(0, 2);
        const ids = keys.map(namesOf(one).sessionIdOf).filter(isStoredSessionId);
        expect(ids, JSON.stringify([one, other])).toEqual(one.keyPrefix === other.keyPrefix ? ['a', 'a'] : []);
      }
    }
  });

  it('K1: takes the beginning of an id literally in a pattern', () => {
    expect(namesOf().sessionKeyPattern()).toBe('session:*');
    expect(namesOf({ keyPrefix: 't.' }).sessionKeyPattern('a*[b]?\\')).toBe('t.session:a\\*\\[b\\]\\?\\\\*');
  });

  it('K7: refuses a prefix that could hold a tag, a pattern or a database, and a database that is none', () => {
    for (const keyPrefix of ['{a}', 'a*', 'a?', '[a]', 'a@1', 'a b', 'é', 'a'.repeat(65), 'a\n']) {
      expect(() => namesOf({ keyPrefix })).toThrow(/^the key prefix must be at most 64 letters/);
    }
    for (const database of [-1, 1.5, Number.NaN]) expect(() => namesOf({ database })).toThrow(RangeError);
    expect(sessionKey('a')).toBe('session:a');
  });

  it('K7: no product file uses the names of a deployment without a scope', () => {
    const services = new URL('../../../services/', import.meta.url);
    const unscoped = new RegExp(`\\b(?:${UNSCOPED.join('|')})\\b(?!:)`);
    for (const service of ['gateway', 'session-api', 'sweeper', 'local']) {
      const folder = new URL(`${service}/src/`, services);
      for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (!/(?<!\.test)\.ts$/.test(file)) continue;
        const imports = readFileSync(new URL(file, folder), 'utf8').match(/^import[^;]*session-store';$/gm) ?? [];
        expect([`${service}/src/${file}`, imports.filter((text) => unscoped.test(text))]).toEqual([
          expect.any(String),
          [],
        ]);
      }
    }
  });
});
