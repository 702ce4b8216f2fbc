import { readFileSync } from 'node:fs';

/** Scripts by command name; each file's name ends in its number of keys. */
export const SCRIPT_FILES = {
  holdfastOpen: 'open-2.lua',
  holdfastAppendNext: 'append-next-2.lua',
  holdfastAppend: 'append-2.lua',
  holdfastRead: 'read-2.lua',
  holdfastHeal: 'heal-2.lua',
  holdfastFork: 'fork-2.lua',
  holdfastBury: 'bury-2.lua',
  holdfastLeave: 'leave-2.lua',
  holdfastPut: 'put-2.lua',
  holdfastMerge: 'merge-2.lua',
  holdfastExtend: 'extend-2.lua',
  holdfastDelete: 'delete-2.lua',
} as const;

export type ScriptName = keyof typeof SCRIPT_FILES;

const LUA_FOLDER = new URL('../lua/', import.meta.url);

/** What stands in scripts as `@name`: it is the same in every call of a store. */
export interface ScriptConstants {
  /** MESSAGE_HISTORY_MAX (K2). */
  readonly historyMax: number;
  readonly publish: 'PUBLISH' | 'SPUBLISH';
}

/** Reads a script with its `-- @include FILE` lines replaced by those files. */
export function loadScript(file: string, constants: ScriptConstants): string {
  const text = readFileSync(new URL(file, LUA_FOLDER), 'utf8');
  return text
    .replace(/^-- @include (\S+)$/gm, (_line, included: string) => loadScript(included, constants))
    .replaceAll('@historyMax', String(constants.historyMax))
    .replaceAll('@publish', constants.publish);
}
