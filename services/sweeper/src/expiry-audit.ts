import { isStoredSessionId } from '@holdfast/protocol';
import type { RedisClient } from '@holdfast/redis-client';
import { defineScript, type Names } from '@holdfast/session-store';
import type { Audit, Finding, Inspection } from './audit.js';

const LUA = new URL('../lua/', import.meta.url);

/** How far two expiries may be apart. Scripts set them equal, but a restored backup may be rounded to the second. */
const TOLERANCE_MS = 1_000;

export interface ExpiryAuditOptions {
  readonly client: RedisClient;
  readonly names: Names;
  /** Seconds a log must have been seen without its session before it is removed. */
  readonly graceSeconds: number;
  /** Seconds between audits. A mark must live until the next audit. */
  readonly intervalSeconds: number;
  /** Writes nothing at all, not even marks. */
  readonly dryRun: boolean;
}

/**
 * Finds sessions without expiry, an expiry beyond the session's `ttl`, a log without its session, and a log that
 * expires apart from its session (W1). The scripts in `lua/` define each fault and its repair.
 */
export class ExpiryAudit implements Audit {
  readonly name = 'expiry';
  readonly faults = [
    'session_without_expiry',
    'log_without_expiry',
    'expiry_beyond_ttl',
    'expiring_apart',
    'orphan_log',
  ] as const;
  readonly #checkExpiry: (id: string, mode: 'inspect' | 'repair') => Promise<Finding | undefined>;
  readonly #checkOrphan: (id: string, mode: 'inspect' | 'repair' | 'dry') => Promise<Finding | undefined>;
  readonly #client: RedisClient;
  readonly #names: Names;
  readonly #dryRun: boolean;

  constructor(options: ExpiryAuditOptions) {
    const { client, names, graceSeconds, intervalSeconds } = options;
    this.#client = client;
    this.#names = names;
    this.#dryRun = options.dryRun;
    const checkExpiry = defineScript(client, new URL('check-expiry-2.lua', LUA));
    this.#checkExpiry = async (id, mode) => {
      const reply = await checkExpiry.call([names.sessionKey(id), names.logKey(id)], [mode, TOLERANCE_MS]);
      if (reply === null) return undefined;
      const [fault, repairable, remainingMs, logRemainingMs, ttl] = reply as [string, number, number, number, number];
      const detail = { remaining_ms: remainingMs, log_remaining_ms: logRemainingMs, ttl };
      return { fault, sessionId: id, repairable: repairable === 1, detail };
    };
    const checkOrphan = defineScript(client, new URL('check-orphan-3.lua', LUA));
    const markMs = (graceSeconds + 2 * intervalSeconds + 60) * 1_000;
    this.#checkOrphan = async (id, mode) => {
      const keys = [names.sessionKey(id), names.logKey(id), names.orphanKey(id)];
      const reply = await checkOrphan.call(keys, [mode, graceSeconds * 1_000, markMs]);
      if (reply === null) return undefined;
      const [fault, due, ageMs] = reply as [string, number, number];
      return { fault, sessionId: id, repairable: due === 1, detail: { orphan_for_ms: ageMs } };
    };
  }

  async inspect(keys: readonly string[]): Promise<Inspection> {
    const sessions = new Set<string>();
    const logs = new Set<string>();
    for (const key of keys) {
      const id = this.#names.sessionIdOf(key);
      if (isStoredSessionId(id)) (key === this.#names.sessionKey(id) ? sessions : logs).add(id);
    }
    const results = await Promise.all([
      ...[...sessions].map((id) => this.#checkExpiry(id, 'inspect')),
      ...[...logs].map((id) => this.#lookForOrphan(id)),
    ]);
    return {
      looked: { sessions: sessions.size, logs: logs.size },
      findings: results.filter((finding) => finding !== undefined),
    };
  }

  async repair(finding: Finding): Promise<boolean> {
    const check = finding.fault === 'orphan_log' ? this.#checkOrphan : this.#checkExpiry;
    const found = await check(finding.sessionId, 'repair');
    return found?.repairable ?? false;
  }

  /** Checks a log. Nearly every log has its session, and the script is worth its time only for the others. */
  async #lookForOrphan(id: string): Promise<Finding | undefined> {
    if ((await this.#client.exists(this.#names.sessionKey(id))) === 1) return undefined;
    return this.#checkOrphan(id, this.#dryRun ? 'dry' : 'inspect');
  }
}
