import { readdirSync, readFileSync } from 'node:fs';
import { missingPermissions } from '@holdfast/redis-client';
import { describe, expect, it } from 'vitest';
import { namesOf, storePermissions } from '../src/index.js';
import { linkScript } from '../src/script.js';
import { setUpRedis, stores } from './real-redis.js';

setUpRedis();

const NEED = storePermissions(namesOf(), false);
const LUA = new URL('../lua/', import.meta.url);
let users = 0;

/** What a user lacks who has everything but what these rules take away. */
async function lackOf(...rules: string[]): Promise<string[]> {
  const name = `narrow-${++users}`;
  await stores.client.call('ACL', 'SETUSER', name, 'on', '>pw', '~*', '&*', '+@all', '-acl', '-multi', ...rules);
  const client = stores.client.duplicate({ username: name, password: 'pw' });
  try {
    return await missingPermissions(client, [NEED]);
  } finally {
    client.disconnect();
  }
}

describe('the permissions of the store', () => {
  it('D7: every command that a script calls is tried', () => {
    const constants = {
      historyMax: 1,
      sessionMaxBytes: 1,
      largeBytes: 1,
      publish: 'PUBLISH',
      numsub: 'NUMSUB',
      searchBytes: 1,
      stored: 'm',
      sealed: false,
      live: 'live',
      live_ending: 'live',
    } as never;
    const called = new Set<string>();
    for (const file of readdirSync(LUA).filter((name) => name.endsWith('.lua'))) {
      const text = linkScript(readFileSync(new URL(file, LUA), 'utf8'), constants);
      for (const [, command = ''] of text.matchAll(/(?:call|readTyped)\('([A-Z]+)'/g))
        called.add(command.toLowerCase());
    }
    expect([...new Set(NEED.commands.map(([name]) => name))].sort()).toEqual(
      expect.arrayContaining([...called].sort()),
    );
    expect(called.size).toBeGreaterThan(12);
  });

  it('D7: nothing is missing where nothing is, and nothing is left behind', async () => {
    const before = await stores.client.dbsize();
    expect(await lackOf()).toEqual([]);
    expect(await stores.client.dbsize()).toBe(before);
  });

  it.each(
    NEED.commands.map(([name = '', first = '']) => (name === 'pubsub' ? [`pubsub|${first}`, 'pubsub'] : [name, name])),
  )('D7: a missing +%s is named', async (rule, command) => {
    expect(await lackOf(`-${command}`)).toEqual([`+${rule}`]);
  });

  it('D7: missing scripts, keys and channels are named, all at once', async () => {
    expect(await lackOf('-evalsha')).toEqual(['+evalsha']);
    expect(await lackOf('-eval')).toEqual(['+eval']);
    expect(await lackOf('resetkeys', '~{session:*')).toEqual(['~session:*']);
    expect(await lackOf('resetkeys', '~session:*')).toEqual(['~{session:*']);
    expect(await lackOf('resetchannels')).toEqual(['&{session:*']);
    expect((await lackOf('resetkeys', '~session:*', 'resetchannels', '-xadd', '-set', '-time')).sort()).toEqual([
      '&{session:*',
      '+set',
      '+time',
      '~{session:*',
    ]);
  });
});
