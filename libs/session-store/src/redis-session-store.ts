import { randomBytes } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { guarded } from './guarded.js';
import {
  liveChannel,
  logKey,
  quarantinePrefix,
  SESSION_KEY_PATTERN,
  sessionIdOf,
  sessionKey,
  tombstoneKey,
} from './keys.js';
import type {
  AppendRequest,
  AppendResult,
  CustomData,
  LogRead,
  NewMessage,
  OpenResult,
  ReadRange,
  SessionDirectory,
  SessionLog,
  SessionPage,
  StoredSession,
} from './port.js';
import { SessionCorruptError, StorageUnavailableError } from './port.js';
import { readEntries, readStored, type StreamEntry } from './redis-reply.js';
import { type ScanTarget, scanPage } from './scan-page.js';
import { loadScript, SCRIPT_FILES, type ScriptName } from './scripts.js';
import { customPartOf, mergeCustom, parseSession, renderCustom } from './session-json.js';

export interface RedisSessionStoreOptions {
  /** Seconds a new session lives after its last activity (T1). Default 3600. */
  readonly defaultTtl?: number;
  /** Messages kept per session (K2). Default 1000. */
  readonly historyMax?: number;
  /** Makes the random end of an epoch; 1 or more characters of C2. */
  readonly nonce?: () => string;
}

type ScriptCommand = (...args: (string | number)[]) => Promise<unknown>;

/** How often a merge is tried again when another writer was faster. */
const MERGE_ATTEMPTS = 10;

/** {@link SessionLog} and {@link SessionDirectory} on Redis: every method is one Lua call on one shard (K4, A1). */
export class RedisSessionStore implements SessionLog, SessionDirectory {
  readonly #client: Redis | Cluster;
  readonly #defaultTtl: number;
  readonly #historyMax: number;
  readonly #nonce: () => string;
  /** In a cluster a session's channel lives on its shard (K3). */
  readonly #publish: 'PUBLISH' | 'SPUBLISH';
  readonly #numsub: 'NUMSUB' | 'SHARDNUMSUB';

  /** @param client a connection that resends nothing by itself (A5); the caller closes it */
  constructor(client: Redis | Cluster, options: RedisSessionStoreOptions = {}) {
    this.#client = client;
    this.#defaultTtl = options.defaultTtl ?? 3600;
    this.#historyMax = options.historyMax ?? 1000;
    this.#nonce = options.nonce ?? (() => randomBytes(4).toString('hex'));
    this.#publish = client.isCluster ? 'SPUBLISH' : 'PUBLISH';
    this.#numsub = client.isCluster ? 'SHARDNUMSUB' : 'NUMSUB';
    for (const [name, file] of Object.entries(SCRIPT_FILES)) {
      client.defineCommand(name, { numberOfKeys: 2, lua: loadScript(file) });
    }
  }

  async open(sessionId: string, resumeEpoch = ''): Promise<OpenResult | 'deleted'> {
    const opened = await this.#open(sessionId, resumeEpoch, '');
    if (typeof opened !== 'object' || !('unreadable' in opened)) return opened;
    // The script does not read custom fields (A1): it is told that these are no JSON.
    const again = await this.#open(sessionId, resumeEpoch, opened.unreadable);
    if (typeof again === 'object' && 'unreadable' in again) throw new SessionCorruptError(sessionId);
    return again;
  }

  async #open(
    sessionId: string,
    resumeEpoch: string,
    unreadable: string,
  ): Promise<OpenResult | 'deleted' | { unreadable: string }> {
    const reply = await this.#call('holdfastOpen', sessionId, [
      this.#defaultTtl,
      this.#nonce(),
      tombstoneKey(sessionId),
      quarantinePrefix(sessionId),
      resumeEpoch,
      unreadable,
    ]);
    if (reply === 'deleted') return reply;
    const [json, remainingMs, created, fault] = reply as [string, number, number, string];
    if (!parseSession(json)) return { unreadable: customPartOf(json) };
    const opened = { session: this.#session(sessionId, json, remainingMs), created: created === 1 };
    return fault === '' ? opened : { ...opened, quarantined: fault };
  }

  async append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    const { position, messages } = request;
    const args: (string | number)[] = [
      position?.epoch ?? '',
      position?.seq ?? 0,
      position?.id ?? '',
      this.#defaultTtl,
      this.#historyMax,
      this.#nonce(),
      liveChannel(sessionId),
      this.#publish,
      tombstoneKey(sessionId),
      quarantinePrefix(sessionId),
    ];
    for (const message of messages) args.push(retryArgument(message), message.id, message.senderKey, message.head);
    const [outcome, ...rest] = (await this.#call('holdfastAppend', sessionId, args)) as [
      string,
      ...(string | number)[],
    ];
    switch (outcome) {
      case 'stored':
        return readStored(rest);
      case 'gone':
        return rest[0] === '' ? { outcome } : { outcome, deletedEpoch: String(rest[0]) };
      case 'epoch':
      case 'behind':
      case 'forked':
        return { outcome };
      default:
        throw new Error(`append answered ${outcome}`);
    }
  }

  async read(sessionId: string, range: ReadRange): Promise<LogRead> {
    const reply = await this.#read(sessionId, range);
    const [json, remainingMs, firstSeq, entries, deleted] = reply as [
      string | null,
      number,
      number,
      StreamEntry[],
      string,
    ];
    if (firstSeq < 0) throw new SessionCorruptError(sessionId);
    const log = { firstSeq, entries: readEntries(entries) };
    if (json !== null) return { session: this.#session(sessionId, json, remainingMs), ...log };
    return deleted === '' ? log : { ...log, deletedEpoch: deleted };
  }

  async leave(sessionId: string): Promise<void> {
    await this.#call('holdfastLeave', sessionId, [liveChannel(sessionId), this.#numsub]);
  }

  async create(sessionId: string, options: { custom?: CustomData; ttl?: number }): Promise<StoredSession | undefined> {
    return this.#put('create', sessionId, options);
  }

  async put(
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession> {
    const session = await this.#put('put', sessionId, record);
    if (!session) throw new Error(`session ${sessionId} was not written`);
    return session;
  }

  async get(sessionId: string): Promise<StoredSession | undefined> {
    return (await this.read(sessionId, { newest: 1 })).session;
  }

  async list(options: { limit: number; cursor?: string; prefix?: string }): Promise<SessionPage> {
    const { prefix } = options;
    const pattern = prefix === undefined ? SESSION_KEY_PATTERN : `${escapePattern(sessionKey(prefix))}*`;
    const page = await scanPage(this.#scanTargets(), pattern, options.limit, options.cursor);
    const ids = page.keys.map(sessionIdOf).filter((id): id is string => id !== undefined);
    const found = await Promise.all(ids.map((id) => this.#getReadable(id)));
    return { sessions: found.filter((session) => session !== undefined), cursor: page.cursor };
  }

  async merge(sessionId: string, custom: CustomData): Promise<StoredSession | undefined> {
    for (let attempt = 0; attempt < MERGE_ATTEMPTS; attempt++) {
      const [json] = (await this.#read(sessionId, { newest: 0 })) as [string | null];
      if (json === null) return undefined;
      if (!parseSession(json)) throw new SessionCorruptError(sessionId);
      const part = customPartOf(json);
      const reply = await this.#call('holdfastMerge', sessionId, [part, mergeCustom(part, custom)]);
      if (reply === 'conflict') continue;
      return this.#changed(sessionId, reply);
    }
    throw new StorageUnavailableError(`session ${sessionId} is changed faster than a merge can follow`);
  }

  async extend(sessionId: string, ttl?: number): Promise<StoredSession | undefined> {
    const reply = await this.#call('holdfastExtend', sessionId, [ttl ?? '', liveChannel(sessionId), this.#publish]);
    return this.#changed(sessionId, reply);
  }

  async remove(sessionId: string): Promise<boolean> {
    const args = [tombstoneKey(sessionId), this.#defaultTtl, liveChannel(sessionId), this.#publish];
    return (await this.#call('holdfastDelete', sessionId, args)) === 1;
  }

  async #put(
    mode: 'create' | 'put',
    sessionId: string,
    record: { count?: number; lastActivity?: number; custom?: CustomData; ttl?: number },
  ): Promise<StoredSession | undefined> {
    const reply = await this.#call('holdfastPut', sessionId, [
      mode,
      record.count ?? 0,
      record.lastActivity?.toFixed(3) ?? '',
      renderCustom(record.custom ?? {}),
      record.ttl ?? this.#defaultTtl,
      this.#nonce(),
      tombstoneKey(sessionId),
      quarantinePrefix(sessionId),
    ]);
    return reply === null ? undefined : this.#changed(sessionId, reply);
  }

  #read(sessionId: string, range: ReadRange): Promise<unknown> {
    const args = 'from' in range ? ['from', range.from, range.limit] : ['newest', 0, range.newest];
    return this.#call('holdfastRead', sessionId, [...args, tombstoneKey(sessionId)]);
  }

  /** A list goes on past a session that cannot be read: the sweeper reports it. */
  async #getReadable(sessionId: string): Promise<StoredSession | undefined> {
    try {
      return await this.get(sessionId);
    } catch (error) {
      if (error instanceof SessionCorruptError) return undefined;
      throw error;
    }
  }

  #changed(sessionId: string, reply: unknown): StoredSession | undefined {
    if (reply === 'gone') return undefined;
    if (reply === 'corrupt') throw new SessionCorruptError(sessionId);
    const [json, remainingMs] = reply as [string, number];
    return this.#session(sessionId, json, remainingMs);
  }

  #session(sessionId: string, json: string, remainingMs: number): StoredSession {
    const state = parseSession(json);
    if (!state) throw new SessionCorruptError(sessionId);
    const { retried: _storeOnly, ...record } = state;
    return { ...record, sessionId, remainingMs };
  }

  #scanTargets(): ScanTarget[] {
    const client = this.#client;
    // In one order for all pages of a listing, whichever process serves them.
    const masters = 'nodes' in client ? client.nodes('master').sort(byAddress) : [client];
    return masters.map((master) => ({ scan: (...args) => guarded(() => master.scan(...args)) }));
  }

  async #call(script: ScriptName, sessionId: string, args: (string | number)[]): Promise<unknown> {
    const command = (this.#client as unknown as Record<ScriptName, ScriptCommand>)[script];
    return guarded(() => command.call(this.#client, sessionKey(sessionId), logKey(sessionId), ...args));
  }
}

function byAddress(a: Redis, b: Redis): number {
  const [left, right] = [a, b].map(({ options }) => `${options.host}:${options.port}`);
  return String(left).localeCompare(String(right));
}

/** Takes what SCAN would read as a pattern literally. */
function escapePattern(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}

function retryArgument(message: NewMessage): string {
  if (message.retry === undefined) return '';
  if (message.retry === 'anywhere') return '* 0 *';
  return `${message.retry.epoch} ${message.retry.seq} ${message.retry.id}`;
}
