import type { Position } from '@holdfast/protocol';
import {
  type AppendResult,
  type LiveMessage,
  type LogRead,
  liveMessageOf,
  NOWHERE,
  SessionCorruptError,
  type StoredSession,
  splitAtHoles,
} from '@holdfast/session-store';
import type { GatewayMetrics, Logger, SyncOutcome } from '@holdfast/telemetry';
import { type Clock, delay } from '../../ports/clock.js';
import { RetryPause } from '../../ports/retry-pause.js';
import type { ShardHealth } from '../../redis/shard-health.js';
import { Repair, type RepairContext, type RepairedRoom } from './repair.js';

/** What a sync uses of its gateway. */
export interface SyncContext extends RepairContext {
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  random(): number;
  readonly shard: Pick<ShardHealth, 'away' | 'back' | 'worked' | 'failed'>;
  readonly deletions: { bury(log: RepairContext['log'], sessionId: string, epoch: string): Promise<boolean> };
  readonly metrics: Pick<GatewayMetrics, 'counters' | 'synced'>;
}

/** What a sync has its room do. */
export interface SyncedRoom extends RepairedRoom {
  readonly expiry: RepairedRoom['expiry'] & {
    readonly passed: boolean;
    confirmed(remainingMs: number, ttl: number, askedMs: number): void;
  };
  /** Delivers messages without holes that follow on the position. */
  deliverNext(epoch: string, messages: readonly LiveMessage[]): void;
  /** Applies the payloads that arrived during the sync; has the room synced again for those that do not fit. */
  releaseHeld(): void;
  expired(): void;
  deleted(): void;
}

/** Why a room is synced; for the log only. */
export type SyncReason =
  | 'open'
  | 'gap'
  | 'unheard'
  | 'interrupted'
  | 'quiet'
  | 'resume'
  | 'outage'
  | AppendResult['outcome'];

/** The result of one step, and whether there is more to do. */
interface Step {
  readonly outcome: SyncOutcome;
  readonly more: boolean;
}

const DONE: Step = { outcome: 'unchanged', more: false };
const AGAIN: Step = { outcome: 'unchanged', more: true };

/** Most entries of one read. Its bytes are bounded too (F6), but it has one entry behind the position's own at least. */
const PAGE = 200;
/** How long other gateways may take to fill a hole that this gateway's tail cannot fill (G4). */
const HOLE_MS = 1_000;
const HOLE_STEP_MS = 100;

/**
 * Brings a room in line with Redis. This one procedure opens a room, catches up after a gap, checks after a reconnect,
 * heals, and settles a fork: it reads session and log from the room's position (inclusive), compares the two, and then
 * delivers what is new, puts back what Redis lacks, or adopts what the log has (G1–G4). One sync of a room runs at a time.
 */
export class Sync {
  readonly #room: SyncedRoom;
  readonly #context: SyncContext;
  readonly #repair: Repair;
  #running: Promise<void> | undefined;
  /** Whether another sync was asked for while one runs: what the running one has read may be older than the reason. */
  #again = false;
  #stopped = false;
  #holeSinceMs: number | undefined;
  #askedMs = Number.NEGATIVE_INFINITY;
  /** Made with the first failure after a success. */
  #retry: RetryPause | undefined;

  constructor(room: SyncedRoom, context: SyncContext) {
    this.#room = room;
    this.#context = context;
    this.#repair = new Repair(room, context);
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** When Redis was last asked, for what the present step goes by; monotonic milliseconds. */
  get askedMs(): number {
    return this.#askedMs;
  }

  /**
   * Syncs the room.
   *
   * @returns resolves once a sync that began after this call has succeeded, or the room is closed. Never rejects: while
   *   Redis is away it waits
   */
  run(reason: SyncReason): Promise<void> {
    if (this.#running) this.#again = true;
    else this.#running = this.#loop(reason);
    return this.#running;
  }

  /** Syncs the room; for callers that do not wait for it. */
  request(reason: SyncReason): void {
    void this.run(reason);
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cut();
  }

  async #loop(reason: SyncReason): Promise<void> {
    this.#context.logger.trace({ sessionId: this.#room.delivered.sessionId, reason }, 'Room syncs');
    let more = true;
    while (more && !this.#stopped) {
      this.#again = false;
      more = await this.#attempt();
      // In the same step in which the sync ends, so that every payload that was held is released.
      if (!more && !this.#stopped) this.#room.releaseHeld();
      more ||= this.#again;
    }
    this.#running = undefined;
  }

  /** @returns whether there is more to do */
  async #attempt(): Promise<boolean> {
    const { shard, metrics } = this.#context;
    // A thousand rooms do not knock at a Redis that is away (D2).
    if (shard.away) await shard.back();
    if (this.#stopped) return false;
    try {
      const { outcome, more } = await this.#step();
      metrics.synced(outcome);
      this.#retry = undefined;
      return more;
    } catch (error) {
      metrics.synced('failed');
      shard.failed(error);
      this.#retry ??= new RetryPause(this.#context);
      await this.#retry.wait();
      return true;
    }
  }

  async #step(): Promise<Step> {
    const { delivered } = this.#room;
    const { position } = delivered;
    this.#askedMs = this.#context.clock.monotonic();
    const read = await this.#read(position);
    this.#context.shard.worked();
    // If the session was deleted or ran out meanwhile, what was read belongs to another position.
    if (!read || this.#stopped || delivered.position !== position) return AGAIN;
    const { session } = read;
    if (session && (await this.#context.deletions.bury(this.#context.log, delivered.sessionId, session.epoch))) {
      return AGAIN;
    }
    if (!session) return this.#absent(position, read);
    if (!position) return this.#load(session, read);
    if (position !== NOWHERE && session.epoch !== position.epoch) return this.#otherEpoch(position, session, read);
    this.#confirm(session);
    if (position === NOWHERE) this.#room.moveTo({ epoch: session.epoch, seq: 0, id: '' }, read.firstSeq);
    else if (session.count < position.seq) return this.#heal(position, session);
    else if (delivered.differsFrom(read.entries[0])) return this.#fork(session.epoch, true);
    else delivered.learnId(read.entries[0]);
    let { firstSeq } = read;
    const firstKept = firstSeq === 0 ? session.count + 1 : firstSeq;
    // The log reaches less far back than the tail: another gateway has healed it from a shorter tail (G2).
    if (delivered.reachesBackBeyond(firstKept, session.count, read)) {
      // The log takes entries without holes only, and nobody has put back yet what lies between.
      if (delivered.tail.lastSeq + 1 < firstKept) return this.#hole(session.epoch);
      const result = await this.#repair.prepend(position, firstSeq);
      if (result.outcome === 'forked') return this.#fork(session.epoch, true);
      if (result.outcome === 'healed') firstSeq = result.firstSeq;
      // What was read does not count any more: the session ended meanwhile, or others have appended and trimmed it.
      if (delivered.position !== position || firstSeq > firstKept) return AGAIN;
    }
    this.#holeSinceMs = undefined;
    // Noted in the step that delivers: until then a member that joins is given what the room has (R1).
    delivered.noteFirstSeq(firstSeq, session.count);
    return this.#deliver(session, read);
  }

  /** @returns `undefined` when what was there could not be read and is in quarantine now (A6) */
  async #read(position: Position | undefined): Promise<LogRead | undefined> {
    const { log, reporter } = this.#context;
    const { sessionId } = this.#room.delivered;
    const range = { from: Math.max(1, position?.seq ?? 1), limit: PAGE, least: 2 };
    try {
      return await log.read(sessionId, range, position?.epoch);
    } catch (error) {
      if (!(error instanceof SessionCorruptError)) throw error;
      const opened = await log.open(sessionId);
      if (typeof opened === 'object' && opened.quarantined !== undefined)
        reporter.quarantined(sessionId, opened.quarantined);
      return undefined;
    }
  }

  /** Redis has no session. */
  async #absent(position: Position | undefined, { ended }: LogRead): Promise<Step> {
    const room = this.#room;
    if (!position) room.moveTo(NOWHERE, 0);
    if (!position || position === NOWHERE) return DONE;
    if (ended === 'deleted') room.deleted();
    else if (ended === 'quarantined' || room.expiry.passed) room.expired();
    else return this.#heal(position, undefined);
    return { outcome: 'ended', more: false };
  }

  /** Opens the room: other gateways have delivered what is there, and the tail takes it. */
  async #load(session: StoredSession, first: LogRead): Promise<Step> {
    const room = this.#room;
    const { delivered } = room;
    const messages = await this.#repair.readAll(session.epoch, first);
    if (!messages || delivered.position) return AGAIN;
    const newest = messages.at(-1);
    this.#confirm(session);
    room.moveTo({ epoch: session.epoch, seq: newest?.seq ?? session.count, id: newest?.id ?? '' }, first.firstSeq);
    delivered.noteFirstSeq(first.firstSeq, session.count);
    delivered.refill(splitAtHoles(messages).at(-1) ?? []);
    return DONE;
  }

  async #otherEpoch(position: Position, session: StoredSession, { ended }: LogRead): Promise<Step> {
    const room = this.#room;
    if (ended === 'deleted') {
      room.deleted();
      return { outcome: 'ended', more: false };
    }
    if (ended === undefined && room.expiry.passed) {
      // Another gateway's member has begun the next epoch before this gateway noticed the end.
      room.expired();
      return { outcome: 'ended', more: true };
    }
    const quarantined = ended === 'quarantined';
    // Epochs sort: an older one is an old copy. A shorter history was begun by somebody who did not know of this one.
    const older = session.epoch < position.epoch;
    if (!quarantined && (older || session.count < position.seq)) return this.#fork(session.epoch, older);
    const adopted = await this.#repair.adopt(session, !quarantined);
    if (adopted) this.#confirm(session);
    return { outcome: adopted ? 'reset' : 'unchanged', more: true };
  }

  async #heal(position: Position, session: StoredSession | undefined): Promise<Step> {
    const outcome = await this.#repair.heal(position, session?.count);
    if (outcome === 'forked' && session) return this.#fork(session.epoch, true);
    return outcome === 'hole' && session ? this.#hole(session.epoch) : { outcome: 'healed', more: true };
  }

  /** Entries are missing between Redis' newest and our oldest: other gateways may fill the hole for a while (G4). */
  async #hole(epoch: string): Promise<Step> {
    const { clock } = this.#context;
    this.#holeSinceMs ??= clock.monotonic();
    if (clock.monotonic() - this.#holeSinceMs >= HOLE_MS) return this.#fork(epoch, true);
    await delay(clock, HOLE_STEP_MS);
    return AGAIN;
  }

  async #fork(seenEpoch: string, samePast: boolean): Promise<Step> {
    this.#holeSinceMs = undefined;
    await this.#repair.fork(seenEpoch, samePast);
    return { outcome: 'forked', more: true };
  }

  /** The room follows this session: a lost one is restored from what is noted here (G2). */
  #confirm(session: StoredSession): void {
    this.#room.delivered.noteSession(session);
    this.#room.expiry.confirmed(session.remainingMs, session.ttl, this.#askedMs);
  }

  #deliver(session: StoredSession, { entries, firstSeq, more }: LogRead): Step {
    const room = this.#room;
    const { delivered } = room;
    const parts = splitAtHoles(entries.filter((entry) => entry.seq > delivered.seq));
    let outcome: SyncOutcome = parts.length === 0 ? 'unchanged' : 'delivered';
    for (const part of parts) {
      const next = part[0]?.seq ?? 0;
      if (next > delivered.seq + 1) {
        outcome = 'gap';
        this.#context.metrics.counters.gaps += 1;
        room.audience.tellGap(delivered.seq + 1, next - 1);
        room.moveTo({ epoch: session.epoch, seq: next - 1, id: '' }, firstSeq);
      }
      room.deliverNext(session.epoch, part.map(liveMessageOf));
    }
    return { outcome, more: parts.length > 0 && more === true };
  }
}
