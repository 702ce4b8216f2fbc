import type { Position } from '@holdfast/protocol';
import { type LiveMessage, liveMessageOf, PacedReads, type SessionLog, splitAtHoles } from '@holdfast/session-store';
import type { GatewayMetrics } from '@holdfast/telemetry';
import type { Clock } from '../ports/clock.js';
import type { ShardHealth } from '../redis/shard-health.js';

/** A part of a session's log. */
export interface HistoryPage {
  /** Of the session that was read; undefined: there was none. */
  readonly epoch: string | undefined;
  /** Oldest first. Numbers may be missing before the first and in between: the log lacked them. */
  readonly messages: readonly LiveMessage[];
  /** What the room had delivered when the read began. Numbers up to here that are not on the page were not in the log. */
  readonly upTo: number;
}

/** The history whose pages a reader wants, as its room has delivered it. */
export interface PagedHistory {
  readonly sessionId: string;
  /** Another object after every change that is not the delivery of further messages. */
  readonly version: object;
  readonly position: Position | undefined;
  /** Newest number delivered. */
  readonly seq: number;
}

export interface PageRequest {
  readonly history: PagedHistory;
  /** The first number wanted. */
  readonly from: number;
  readonly shard: Pick<ShardHealth, 'away' | 'back' | 'failed'>;
  /** Whether the reader has gone. */
  isOver(): boolean;
}

export interface HistoryPagesOptions {
  readonly log: Pick<SessionLog, 'read'>;
  readonly clock: Clock;
  readonly metrics: Pick<GatewayMetrics, 'counters'>;
  /** The shard that a session lives on now. */
  readonly shardOf: (sessionId: string) => string;
}

/** Most messages, and most bytes of them, that are read at once (F6). */
const PAGE = 100;
export const HISTORY_PAGE_BYTES = 262_144;
/** Most bytes of pages that are kept for readers who come after. */
const KEPT_BYTES = 8_388_608;
/** A page is forgotten when nobody has read in it for this long. */
const UNREAD_MS = 5_000;
/** What a page counts beside its messages, so that there are never more than some hundred pages. Bytes. */
const PAGE_COST = 16_384;

/**
 * All reads of histories for the members of a gateway (F9). Readers share what was read: whoever wants a number that is
 * on a page in memory is given the rest of that page, and reads on from its end, so that readers fall into step. Redis is
 * asked by {@link PacedReads}, for one page of a shard at a time.
 *
 * A kept page says what the log has. What the log lacks is said only by a read that began after its reader had asked.
 */
export class HistoryPages {
  readonly #options: HistoryPagesOptions;
  /** By shard. */
  readonly #reads = new Map<string, PacedReads<HistoryPage>>();
  readonly #kept = new KeptPages();

  constructor(options: HistoryPagesOptions) {
    this.#options = options;
  }

  /** Bytes of the pages in memory. */
  get bytes(): number {
    return this.#kept.bytes;
  }

  /**
   * Gives the page that begins at a number.
   *
   * @returns `undefined` when the reader has gone meanwhile
   * @throws {Error} when Redis does not answer, or the log cannot be read
   */
  page({ history, from, shard, isOver }: PageRequest): Promise<HistoryPage | undefined> {
    const { sessionId } = history;
    return this.#readsOf(sessionId).page({
      sessionId,
      key: String(from),
      isOver,
      inMemory: () => this.#inMemory(history, from),
      read: () => this.#read(history, from, shard),
    });
  }

  /** Forgets pages that nobody reads any more. Called about once a second. */
  dropUnread(): void {
    this.#kept.dropUnread(this.#options.clock.monotonic() - UNREAD_MS);
    for (const [shard, reads] of this.#reads) if (reads.isIdle) this.#reads.delete(shard);
  }

  #readsOf(sessionId: string): PacedReads<HistoryPage> {
    const shard = this.#options.shardOf(sessionId);
    let reads = this.#reads.get(shard);
    if (!reads) {
      reads = new PacedReads({ clock: this.#options.clock, atOnce: 1 });
      this.#reads.set(shard, reads);
    }
    return reads;
  }

  #inMemory({ version, position, seq: upTo }: PagedHistory, from: number): HistoryPage | undefined {
    const messages = this.#kept.from(version, from, this.#options.clock.monotonic());
    return messages && { epoch: position?.epoch, messages, upTo };
  }

  async #read(history: PagedHistory, from: number, shard: PageRequest['shard']): Promise<HistoryPage> {
    if (shard.away) await shard.back();
    const { sessionId, version, seq: upTo } = history;
    this.#options.metrics.counters.historyReads += 1;
    try {
      const range = { from, limit: PAGE, maxBytes: HISTORY_PAGE_BYTES };
      const { session, entries } = await this.#options.log.read(sessionId, range);
      const messages = entries.map(liveMessageOf);
      // Messages of another history, or of one that has changed meanwhile, are for nobody else.
      if (session?.epoch === history.position?.epoch && history.version === version) {
        const [consecutive = []] = splitAtHoles(messages);
        this.#kept.add(version, consecutive, this.#options.clock.monotonic());
      }
      return { epoch: session?.epoch, messages, upTo };
    } catch (error) {
      shard.failed(error);
      throw error;
    }
  }
}

interface KeptPage {
  readonly version: object;
  readonly messages: readonly LiveMessage[];
  readonly cost: number;
  readMs: number;
}

/** The pages that were read last, of all sessions, within their bytes. */
class KeptPages {
  /** In the order in which they were last read. */
  readonly #order = new Set<KeptPage>();
  readonly #byVersion = new Map<object, Set<KeptPage>>();
  bytes = 0;

  /** @param messages consecutive */
  add(version: object, messages: readonly LiveMessage[], nowMs: number): void {
    if (messages.length === 0) return;
    const cost = messages.reduce((sum, { frame }) => sum + frame.length, PAGE_COST);
    const page = { version, messages, cost, readMs: nowMs };
    const pages = this.#byVersion.get(version);
    if (pages) pages.add(page);
    else this.#byVersion.set(version, new Set([page]));
    this.#order.add(page);
    this.bytes += cost;
    for (const oldest of this.#order) {
      if (this.bytes <= KEPT_BYTES || oldest === page) return;
      this.#drop(oldest);
    }
  }

  /** The messages of a page from a number on. @returns `undefined` when that number is on no page */
  from(version: object, seq: number, nowMs: number): readonly LiveMessage[] | undefined {
    for (const page of this.#byVersion.get(version) ?? []) {
      const index = seq - (page.messages[0]?.seq ?? 0);
      if (index < 0 || index >= page.messages.length) continue;
      page.readMs = nowMs;
      this.#order.delete(page);
      this.#order.add(page);
      return index === 0 ? page.messages : page.messages.slice(index);
    }
    return undefined;
  }

  dropUnread(unreadSinceMs: number): void {
    for (const page of this.#order) {
      if (page.readMs > unreadSinceMs) return;
      this.#drop(page);
    }
  }

  #drop(page: KeptPage): void {
    this.#order.delete(page);
    this.bytes -= page.cost;
    const pages = this.#byVersion.get(page.version);
    pages?.delete(page);
    if (pages?.size === 0) this.#byVersion.delete(page.version);
  }
}
