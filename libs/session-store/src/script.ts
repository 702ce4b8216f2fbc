import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';

/** Values that are the same in every call of a script: they stand in it as `@name`. */
export interface ScriptConstants {
  /** MESSAGE_HISTORY_MAX (K2). */
  readonly historyMax?: number;
  /** SESSION_MAX_BYTES (K2). */
  readonly sessionMaxBytes?: number;
  /** An entry of more bytes is large (K2). */
  readonly largeBytes?: number;
  /** What the channel of a session ends in (K3, K7). */
  readonly live?: string;
  readonly publish?: 'PUBLISH' | 'SPUBLISH';
  /** How the payload of stored messages begins: `m`, or `e` where there are keys to encrypt with (E1). */
  readonly stored?: 'm' | 'e';
  /** Whether there are keys to encrypt with (E1). */
  readonly sealed?: boolean;
  readonly numsub?: 'NUMSUB' | 'SHARDNUMSUB';
  /** About how many bytes of a log one call may read in search of duplicates (A4). */
  readonly searchBytes?: number;
}

/** A script that can be called on one client. */
export interface Script {
  /** The whole script, as Redis gets it. */
  readonly text: string;
  /** SHA-1 of the text: how `EVALSHA` names it. */
  readonly sha: string;
  /**
   * Calls it by its hash; a server that does not know it yet is sent the text. All keys must be of one slot (K4).
   *
   * @returns what the file's header tells
   */
  call(keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** Makes a Lua file callable on a client. @param file its name ends in its number of keys, as in `open-2.lua` */
export function defineScript(client: Redis | Cluster, file: URL, constants: ScriptConstants = {}): Script {
  const numberOfKeys = Number(/-(\d+)\.lua$/.exec(file.pathname)?.[1]);
  const text = linkScript(readFileSync(file, 'utf8'), constants);
  const sha = createHash('sha1').update(text).digest('hex');
  // The hash keeps scripts with other constants apart that are called on the same client.
  const command = `holdfast:${sha}`;
  client.defineCommand(command, { numberOfKeys, lua: text });
  return {
    text,
    sha,
    call: async (keys, args) => {
      const run: unknown = Reflect.get(client, command);
      if (typeof run !== 'function') throw new Error(`${file.pathname} is not defined on this client`);
      return run.call(client, ...keys, ...args);
    },
  };
}

const PARTS = new URL('../lua/parts/', import.meta.url);
const IMPORT = /^-- @import (.+) from (\S+)$/gm;
const COMMENT = /^\s*--\[\[[\s\S]*?\]\]$|^\s*--.*$/gm;
const DEFINITION = /^local function (\w+)\([\s\S]*?^end$|^local (\w+) = .*$/gm;
const CONSTANT = /@(historyMax|sessionMaxBytes|largeBytes|live|publish|numsub|searchBytes|stored|sealed)\b/g;

/**
 * Puts the functions that a script imports in front of it. A script names them in lines of the form
 * `-- @import NAME, NAME from FILE`, where the file is one of `lua/parts/`. With each function come those that it uses
 * itself, and no others: one file can hold everything about a format, and a call still costs Redis only what it uses,
 * because Redis creates every function of a script anew in each call.
 *
 * @throws {Error} when an imported name is not defined in its file, or not used
 */
export function linkScript(script: string, constants: ScriptConstants = {}): string {
  const definitions = new Map<string, string>();
  for (const [name, file] of importsOf(script)) addDefinition(name, file, definitions);
  const linked = [...definitions.values(), script.replace(IMPORT, '')].join('\n');
  return linked.replace(CONSTANT, (_match, name: keyof ScriptConstants) => {
    const value = constants[name];
    if (value === undefined) throw new Error(`a script needs the constant ${name}`);
    return String(value);
  });
}

/** Adds what a file of `lua/parts/` defines under a name, behind everything that it uses. */
function addDefinition(name: string, file: string, definitions: Map<string, string>): void {
  if (definitions.has(name)) return;
  const part = readPart(file);
  const code = part.definitions.get(name);
  if (code === undefined) throw new Error(`${file} does not define ${name}`);
  for (const [word] of code.matchAll(/\w+/g)) {
    const imported = part.imports.get(word);
    if (imported !== undefined) addDefinition(word, imported, definitions);
    else if (word !== name && part.definitions.has(word)) addDefinition(word, file, definitions);
  }
  definitions.set(name, code);
}

interface Part {
  /** Code by the name that it defines. */
  readonly definitions: ReadonlyMap<string, string>;
  /** Files by imported name. */
  readonly imports: ReadonlyMap<string, string>;
}

const parts = new Map<string, Part>();

function readPart(file: string): Part {
  const known = parts.get(file);
  if (known) return known;
  const text = readFileSync(new URL(file, PARTS), 'utf8');
  const code = text.replace(COMMENT, '');
  const found = code.matchAll(DEFINITION);
  const definitions = new Map(Array.from(found, ([all, called, value]) => [called ?? value ?? '', all]));
  const part = { definitions, imports: importsOf(text) };
  parts.set(file, part);
  return part;
}

/** What a file imports: files by name. */
function importsOf(text: string): Map<string, string> {
  const code = text.replace(COMMENT, '');
  const imports = new Map<string, string>();
  for (const [, names = '', file = ''] of text.matchAll(IMPORT)) {
    for (const name of names.split(', ')) {
      if (!new RegExp(`\\b${name}\\b`).test(code)) throw new Error(`${name} of ${file} is imported and not used`);
      imports.set(name, file);
    }
  }
  return imports;
}
