import { readFileSync } from 'node:fs';
import type { RedisClient } from '@holdfast/redis-client';

const LUA_FOLDER = new URL('../lua/', import.meta.url);

/** Runs a script; Redis answers with what the file's header says. All keys must be of one slot. */
export type Script = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/**
 * Makes a Lua file callable on a client: by its hash, and whole where Redis does not know it yet.
 *
 * @param file in `lua/`; its name ends in its number of keys, as in `name-2.lua`
 */
export function loadScript(client: RedisClient, file: string): Script {
  const numberOfKeys = Number(/-(\d+)\.lua$/.exec(file)?.[1]);
  const command = `sweeper:${file}`;
  client.defineCommand(command, { numberOfKeys, lua: readFileSync(new URL(file, LUA_FOLDER), 'utf8') });
  return async (keys, args) => {
    const run: unknown = Reflect.get(client, command);
    if (typeof run !== 'function') throw new Error(`${file} is not defined on this client`);
    return run.call(client, ...keys, ...args);
  };
}
