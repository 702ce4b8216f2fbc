import { randomBytes } from 'node:crypto';
import { DEFAULT_SESSION_TTL, HISTORY_READ_MAX_BYTES } from '@holdfast/protocol';
import {
  type EncodedArguments,
  encodeArguments,
  isScriptUnknown,
  PipelinedScript,
  plainArguments,
  type ScriptArgument,
} from '@holdfast/redis-client';
import type { Cluster, Redis } from 'ioredis';
import { guarded, guardedWrite } from './guarded.js';
import { type Names, namesOf } from './keys.js';
import { entryText } from './message-format.js';
import type {
  AppendRequest,
  AppendResult,
  ForkRequest,
  ForkResult,
  HealRequest,
  HealResult,
  LogRead,
  OpenOptions,
  OpenResult,
  ReadRange,
  SessionLog,
  StoredSession,
} from './port.js';
import { entryArguments, isUnusual, retryArgument } from './redis-arguments.js';
import { endedBy, readAppended, readEntries, readNextAppended, type StreamEntry } from './redis-reply.js';
import { constantsOf, type RedisSessionStoreOptions } from './redis-store-options.js';
import { defineScript, type Script } from './script.js';
import { customPartOf, parseSession, renderCustom } from './session-json.js';
import { SessionCorruptError } from './storage-errors.js';

const LUA = new URL('../lua/', import.meta.url);
/** Every script of the store; its file is called `NAME-2.lua`. */
const SCRIPTS = [
  'open',
  'append-next',
  'append',
  'read',
  'heal',
  'fork',
  'bury',
  'leave',
  'put',
  'merge',
  'extend',
  'delete',
] as const;

type ScriptName = (typeof SCRIPTS)[number];

/** Most sessions whose encoded keys are remembered, at a quarter of a kilobyte each. */
const KEYS_MAX = 4_096;

/** What `read-2.lua` returns. */
type RawRead = [
  json: string | null,
  remainingMs: number,
  firstSeq: number,
  entries: StreamEntry[],
  ended: string,
  newestSeq: number,
  trimmedSeq: number,
];

/** {@link SessionLog} on Redis: every method is one Lua call on one shard (K4, A1). */
export class RedisSessionLog implements SessionLog {
  protected readonly client: Redis | Cluster;
  protected readonly names: Names;
  protected readonly defaultTtl: number;
  protected readonly nonce: () => string;
  readonly #largeBytes: number;
  readonly #unpublished: (reason: string) => void;
  readonly #scripts: Readonly<Record<ScriptName, Script>>;
  readonly #appends: PipelinedScript | undefined;
  /** Encoded keys of the sessions that were appended to lately. */
  readonly #keys = new Map<string, EncodedArguments>();

  /** @param client a connection that resends nothing by itself (A5); the caller closes it */
  constructor(client: Redis | Cluster, options: RedisSessionStoreOptions = {}) {
    this.client = client;
    this.names = options.names ?? namesOf({ database: databaseOf(client) });
    this.defaultTtl = options.defaultTtl ?? DEFAULT_SESSION_TTL;
    this.nonce = options.nonce ?? (() => randomBytes(8).toString('hex'));
    this.#unpublished = options.onUnpublished ?? (() => undefined);
    const constants = constantsOf(options, this.names, client.isCluster);
    this.#largeBytes = constants.largeBytes;
    const define = (name: ScriptName) => [name, defineScript(client, new URL(`${name}-2.lua`, LUA), constants)];
    this.#scripts = Object.fromEntries(SCRIPTS.map(define)) as Record<ScriptName, Script>;
    this.#appends = PipelinedScript.over(client, this.#scripts['append-next'].sha, 2);
  }

  async open(sessionId: string, options: OpenOptions = {}): Promise<OpenResult | 'deleted' | 'gone'> {
    const opened = await this.#open(sessionId, options, '');
    if (typeof opened !== 'object' || !('unreadable' in opened)) return opened;
    // Scripts do not read custom fields (A1): this one is told that these are not JSON.
    const again = await this.#open(sessionId, options, opened.unreadable);
    if (typeof again === 'object' && 'unreadable' in again) throw new SessionCorruptError(sessionId);
    return again;
  }

  async #open(
    sessionId: string,
    options: OpenOptions,
    unreadable: string,
  ): Promise<OpenResult | 'deleted' | 'gone' | { unreadable: string }> {
    const reply = await this.call('open', sessionId, [
      this.defaultTtl,
      this.nonce(),
      options.resumeEpoch ?? '',
      unreadable,
      options.known ? 1 : 0,
    ]);
    if (reply === 'foreign') throw new SessionCorruptError(sessionId, true);
    if (reply === 'deleted' || reply === 'gone') return reply;
    const [json, remainingMs, created, fault] = reply as [string, number, number, string];
    if (!parseSession(json)) return { unreadable: customPartOf(json) };
    const opened = { session: this.session(sessionId, json, remainingMs), created: created === 1 };
    return fault === '' ? opened : { ...opened, quarantined: fault };
  }

  append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    const { position, messages } = request;
    if (!position || position.seq === 0 || isUnusual(messages, this.#largeBytes)) {
      return this.#appendAny(sessionId, request);
    }
    const last = messages.at(-1)?.id ?? '';
    const args: ScriptArgument[] = [this.#keysOf(sessionId), position.epoch, position.seq, position.id, last];
    for (const { id, senderKey, head } of messages) args.push(senderKey, entryText(id, head));
    const settle = (reply: string): AppendResult | Promise<AppendResult> => {
      const result = readNextAppended(reply, position.epoch, messages.length);
      return result ? this.#appended(result, reply) : this.#appendAny(sessionId, request);
    };
    const ordinary = async (): Promise<string> =>
      (await this.call('append-next', sessionId, plainArguments(args.slice(1)))) as string;
    if (!this.#appends) return ordinary().then(settle);
    return this.#appends.call(args).then(settle, async (error: unknown) => {
      // A server that has just started, or forgotten it, is given the script.
      return settle(await (isScriptUnknown(error) ? ordinary() : guardedWrite(() => Promise.reject(error))));
    });
  }

  /** Appends whatever the state of the session is. */
  async #appendAny(sessionId: string, { position, messages }: AppendRequest): Promise<AppendResult> {
    const { epoch = '', seq = 0, id = '' } = position ?? {};
    const args = [epoch, seq, id, this.defaultTtl, this.nonce()];
    for (const message of messages) args.push(retryArgument(message), message.id, message.senderKey, message.head);
    let reply: string;
    // A long log is read part by part, so that no call holds Redis up; nothing is stored before the last one (A4).
    do reply = (await this.call('append', sessionId, args)) as string;
    while (reply === 'index');
    if (reply === 'foreign') throw new SessionCorruptError(sessionId, true);
    return this.#appended(readAppended(reply), reply);
  }

  /** Reports a publish that Redis refused: the last line of the answer tells why. */
  #appended(result: AppendResult, reply: string): AppendResult {
    if (result.outcome === 'stored' && result.subscribers < 0) this.published(reply.slice(reply.lastIndexOf('\n') + 1));
    return result;
  }

  /** Takes what a script answers about its publish. @param refused '', or what Redis said when it refused to publish */
  protected published(refused: string): void {
    if (refused !== '') this.#unpublished(refused);
  }

  #keysOf(sessionId: string): EncodedArguments {
    const known = this.#keys.get(sessionId);
    if (known) return known;
    const keys = encodeArguments(this.names.sessionKey(sessionId), this.names.logKey(sessionId));
    if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
    this.#keys.set(sessionId, keys);
    return keys;
  }

  async read(sessionId: string, range: ReadRange, epoch = ''): Promise<LogRead> {
    const [json, remainingMs, firstSeq, raw, ended, newestSeq, trimmedSeq] = await this.readRaw(
      sessionId,
      range,
      epoch,
    );
    if (firstSeq < 0) throw new SessionCorruptError(sessionId);
    const entries = readEntries(raw);
    const last = entries.at(-1);
    const more = last !== undefined && last.seq < newestSeq ? { more: true as const } : {};
    const trimmed = trimmedSeq > 0 ? { trimmedSeq } : {};
    const log = { firstSeq, entries, ...more, ...trimmed, ...endedBy(ended) };
    return json === null ? log : { session: this.session(sessionId, json, remainingMs), ...log };
  }

  protected async readRaw(sessionId: string, range: ReadRange, epoch: string): Promise<RawRead> {
    const { maxBytes = HISTORY_READ_MAX_BYTES, least = 1 } = range;
    const [which, from, most] = 'from' in range ? ['from', range.from, range.limit] : ['newest', 0, range.newest];
    return (await this.call('read', sessionId, [which, from, most, epoch, maxBytes, least])) as RawRead;
  }

  async heal(sessionId: string, { position, session, entries }: HealRequest): Promise<HealResult> {
    const reply = await this.call('heal', sessionId, [
      position.epoch,
      session.createdAt.toFixed(3),
      session.ttl,
      Math.max(1, Math.ceil(session.remainingMs)),
      renderCustom(session.custom),
      position.seq,
      ...entryArguments(entries),
    ]);
    const [outcome, count, firstSeq, refused = ''] = reply as [HealResult['outcome'], number, number, string?];
    this.published(refused);
    return outcome === 'healed' ? { outcome, count, firstSeq } : { outcome };
  }

  async fork(sessionId: string, request: ForkRequest): Promise<ForkResult> {
    const { seenEpoch, samePast, session, seq, entries } = request;
    const reply = await this.call('fork', sessionId, [
      seenEpoch,
      this.nonce(),
      samePast ? 1 : 0,
      session.createdAt.toFixed(3),
      session.ttl,
      renderCustom(session.custom),
      seq,
      ...entryArguments(entries),
    ]);
    const [outcome, epoch, refused = ''] = reply as [ForkResult['outcome'], string, string?];
    this.published(refused);
    return outcome === 'forked' ? { outcome, epoch } : { outcome };
  }

  async bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    return (await this.call('bury', sessionId, [epoch, Math.max(1, Math.ceil(keepMs))])) === 1;
  }

  async leave(sessionId: string): Promise<void> {
    await this.call('leave', sessionId, []);
  }

  async broadcast(id: string): Promise<string | undefined> {
    return (await guarded(() => this.client.get(this.names.broadcastKey(id)))) ?? undefined;
  }

  protected session(sessionId: string, json: string, remainingMs: number): StoredSession {
    const state = parseSession(json);
    if (!state) throw new SessionCorruptError(sessionId);
    const { retried: _storeOnly, ...record } = state;
    return { ...record, sessionId, remainingMs };
  }

  protected async call(script: ScriptName, sessionId: string, args: (string | number)[]): Promise<unknown> {
    const { names } = this;
    const keys = [names.sessionKey(sessionId), names.logKey(sessionId)];
    const run = () => this.#scripts[script].call(keys, args);
    return script === 'read' ? guarded(run) : guardedWrite(run);
  }
}

/** The database that a client uses. */
function databaseOf(client: Redis | Cluster): number {
  return 'nodes' in client ? 0 : (client.options.db ?? 0);
}
