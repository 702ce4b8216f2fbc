import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linkScript } from './script.js';

const LUA = new URL('../lua/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, LUA), 'utf8');
const parts = readdirSync(new URL('parts/', LUA));

/** Names of the functions and values that a linked script defines at its top level, in order. */
const definedIn = (script: string) => [...script.matchAll(/^local (?:function )?(\w+)/gm)].map(([, name]) => name);

describe('linkScript', () => {
  it('puts in front of a script what it imports, and what that uses, once and in order', () => {
    const script = linkScript(
      '-- @import saveSession, saveUntil from stored-session.lua\nsaveSession(saveUntil)\nreturn 1',
    );
    const defined = definedIn(script);
    expect(defined.slice(-2)).toEqual(['saveUntil', 'saveSession']);
    expect(defined).toContain('renderSession');
    expect(defined).not.toContain('readJson');
    expect(new Set(defined).size).toBe(defined.length);
    // What a function uses stands before it.
    expect(defined.indexOf('unchangedFields')).toBeLessThan(defined.indexOf('renderSession'));
    expect(defined.indexOf('renderSession')).toBeLessThan(defined.indexOf('saveUntil'));
  });

  it('replaces constants, and refuses a script that needs one which is not given', () => {
    expect(linkScript('return @historyMax', { historyMax: 5 })).toContain('return 5');
    expect(() => linkScript('return @publish', { historyMax: 5 })).toThrow('a script needs the constant publish');
  });

  it('refuses an import that does not exist, or is not used', () => {
    expect(() => linkScript('-- @import nothing from clock.lua\nnothing()')).toThrow(
      'clock.lua does not define nothing',
    );
    expect(() => linkScript('-- @import readClock from clock.lua\nreturn 1')).toThrow('imported and not used');
  });
});

describe('the parts of scripts', () => {
  it('define each name once: a script never gets another function than the one it names', () => {
    const names = parts.flatMap((file) => definedIn(read(`parts/${file}`)));
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  it('hold nothing that no script uses', () => {
    const scripts = readdirSync(LUA).filter((file) => file.endsWith('.lua'));
    const sweeper = new URL('../../../services/sweeper/lua/', import.meta.url);
    const texts = [
      ...scripts.map(read),
      ...readdirSync(sweeper).map((file) => readFileSync(new URL(file, sweeper), 'utf8')),
    ];
    const linked = texts
      .map((text) =>
        linkScript(text, {
          historyMax: 1,
          sessionMaxBytes: 1,
          largeBytes: 1,
          live: 'live',
          publish: 'PUBLISH',
          numsub: 'NUMSUB',
          searchBytes: 1,
          stored: 'm',
          sealed: false,
        }),
      )
      .join('\n');
    const names = parts.flatMap((file) => definedIn(read(`parts/${file}`)));
    expect(names.filter((name) => !new RegExp(`\\b(function|local) ${name}\\b`).test(linked))).toEqual([]);
  });

  it('alone know the formats that they own', () => {
    const scripts = readdirSync(LUA).filter((file) => file.endsWith('.lua'));
    const formats =
      /last_activity|"retried"|"created_at"|"type":"message"|'s\\n|'@stored |quarantined |:quarantine|tombstone'/;
    const owners = scripts.filter((file) => formats.test(read(file).replace(/--\[\[[\s\S]*?\]\]|--.*/g, '')));
    expect(owners).toEqual([]);
  });
});
