import type { Position } from '@holdfast/protocol';
import {
  type LiveMessage,
  type LogRead,
  liveMessageOf,
  NOWHERE,
  SessionCorruptError,
  type StoredSession,
  splitAtHoles,
} from '@holdfast/session-store';
import type { SyncOutcome } from '@holdfast/telemetry';
import { delay } from '../../ports/clock.js';
import { RetryPause } from '../../ports/retry-pause.js';
import type { RoomContext } from '../../shared/gateway-context.js';
import { Repair, type RepairedRoom } from './repair.js';

/** What a sync needs of its room. */
export interface SyncedRoom extends RepairedRoom {
  readonly seq: number;
  readonly expiry: {
    readonly passed: boolean;
    readonly ttl: number;
    readonly remainingMs: number;
    confirmed(remainingMs: number, ttl: number, askedMs: number): void;
  };
  /** Delivers a run of messages that follows on the position. */
  deliverNext(epoch: string, messages: readonly LiveMessage[]): void;
  noteSession(session: StoredSession): void;
  noteFirstSeq(firstSeq: number): void;
  /** Applies what arrived meanwhile. @returns whether it shows that the log has to be read again */
  releaseHeld(): boolean;
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
  | 'gone'
  | 'epoch'
  | 'behind'
  | 'forked';

/** What one step came to, and whether there is more to do. */
interface Step {
  readonly outcome: SyncOutcome;
  readonly more: boolean;
}

/** Entries one read asks for. */
const PAGE = 200;
/** How long others may take to fill a hole that this gateway's tail cannot fill (G4). */
const HOLE_MS = 1_000;
const HOLE_STEP_MS = 100;

/**
 * The one procedure that opens a room, catches up after a gap, checks after a reconnect, heals, and settles a fork:
 * reads session and log from the room's position (inclusive), compares, then delivers what is new, puts back what Redis
 * lacks, or adopts what the log has. One at a time.
 */
export class Sync {
  readonly #room: SyncedRoom;
  readonly #context: RoomContext;
  readonly #repair: Repair;
  #running: Promise<void> | undefined;
  /** Asked for while one runs: what that one has read may be older than the reason to ask. */
  #again = false;
  #stopped = false;
  #holeSinceMs: number | undefined;
  /** When Redis was asked what the present step goes by. */
  #askedMs = 0;
  /** Since the last success there was none. */
  #retry: RetryPause | undefined;

  constructor(room: SyncedRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
    this.#repair = new Repair(room, context);
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** Syncs until it has succeeded once after this call; ends without, once it was stopped. Never rejects. */
  run(reason: SyncReason): Promise<void> {
    if (this.#running) this.#again = true;
    else this.#running = this.#loop(reason);
    return this.#running;
  }

  request(reason: SyncReason): void {
    void this.run(reason);
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cut();
  }

  async #loop(reason: SyncReason): Promise<void> {
    this.#context.logger.trace({ sessionId: this.#room.sessionId, reason }, 'Room syncs');
    let more = true;
    while (more && !this.#stopped) {
      this.#again = false;
      more = await this.#attempt();
      // Together with the end of the run, so that no payload is held that nobody releases.
      if (!more && !this.#stopped) more = this.#room.releaseHeld() || this.#again;
    }
    this.#running = undefined;
  }

  /** @returns whether there is more to do */
  async #attempt(): Promise<boolean> {
    const { storage } = this.#context;
    // No thousand rooms knocking at a Redis that is away (D2).
    if (storage.away) await storage.back();
    if (this.#stopped) return false;
    try {
      const { outcome, more } = await this.#step();
      this.#context.metrics.synced(outcome);
      this.#retry = undefined;
      return more;
    } catch (error) {
      this.#context.metrics.synced('failed');
      storage.failed(error);
      this.#retry ??= new RetryPause(this.#context);
      await this.#retry.wait();
      return true;
    }
  }

  async #step(): Promise<Step> {
    const room = this.#room;
    const { position } = room;
    this.#askedMs = this.#context.clock.monotonic();
    const read = await this.#read(position);
    this.#context.storage.worked();
    // The session was deleted or ran out meanwhile: what was read belongs to another position.
    if (!read || this.#stopped || room.position !== position) return { outcome: 'unchanged', more: true };
    const { session } = read;
    if (session && (await this.#context.deletions.bury(this.#context.log, room.sessionId, session.epoch))) {
      return { outcome: 'unchanged', more: true };
    }
    if (!session) return this.#absent(position, read);
    if (!position) return this.#load(session, read);
    if (position !== NOWHERE && session.epoch !== position.epoch) return this.#otherEpoch(position, session, read);
    this.#confirm(session);
    if (position === NOWHERE) room.moveTo({ epoch: session.epoch, seq: 0, id: '' }, read.firstSeq);
    else if (session.count < position.seq) return this.#heal(position, session);
    else if (this.#differs(position, read)) return this.#fork(session.epoch, true);
    room.noteFirstSeq(read.firstSeq);
    if (this.#lacksOlder(session, read)) {
      // What lies between nobody has put back yet: the log takes entries without holes only.
      if (room.tail.lastSeq + 1 < firstKept(session, read)) return this.#hole(session.epoch);
      const outcome = await this.#repair.prepend(position, read.firstSeq);
      if (outcome === 'forked') return this.#fork(session.epoch, true);
    }
    this.#holeSinceMs = undefined;
    return this.#deliver(session, read);
  }

  /** @returns nothing when what was there could not be read, and is in quarantine now (A6) */
  async #read(position: Position | undefined): Promise<LogRead | undefined> {
    const { log, reporter } = this.#context;
    const { sessionId } = this.#room;
    const range = position ? { from: Math.max(1, position.seq), limit: PAGE } : { from: 1, limit: PAGE };
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

  async #absent(position: Position | undefined, { ended }: LogRead): Promise<Step> {
    const room = this.#room;
    if (!position) room.moveTo(NOWHERE, 0);
    if (!position || position === NOWHERE) return { outcome: 'unchanged', more: false };
    if (ended === 'deleted') room.deleted();
    else if (ended === 'quarantined' || room.expiry.passed) room.expired();
    else return this.#heal(position, undefined);
    return { outcome: 'ended', more: false };
  }

  /** Opens the room: what is there was delivered by others; the tail takes it. */
  async #load(session: StoredSession, first: LogRead): Promise<Step> {
    const room = this.#room;
    const entries = [...first.entries];
    for (let page = first.entries; page.length === PAGE; ) {
      const read = await this.#context.log.read(room.sessionId, { from: (entries.at(-1)?.seq ?? 0) + 1, limit: PAGE });
      if (read.session?.epoch !== session.epoch || room.position) return { outcome: 'unchanged', more: true };
      page = read.entries;
      entries.push(...page);
    }
    const newest = entries.at(-1);
    this.#confirm(session);
    room.moveTo({ epoch: session.epoch, seq: newest?.seq ?? session.count, id: newest?.id ?? '' }, first.firstSeq);
    room.tail.clear();
    room.tail.push((splitAtHoles(entries).at(-1) ?? []).map(liveMessageOf));
    return { outcome: 'unchanged', more: false };
  }

  async #otherEpoch(position: Position, session: StoredSession, { ended }: LogRead): Promise<Step> {
    const room = this.#room;
    if (ended === 'deleted') {
      room.deleted();
      return { outcome: 'ended', more: false };
    }
    if (ended === undefined && room.expiry.passed) {
      // Another gateway's member has begun the next epoch before this one noticed the end.
      room.expired();
      return { outcome: 'ended', more: true };
    }
    const quarantined = ended === 'quarantined';
    // Epochs sort: an older one is an old copy. A shorter one was made by somebody who did not know of this history.
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

  /** Between what Redis has and what the tail has something is missing: others may fill it for a while (G4). */
  async #hole(epoch: string): Promise<Step> {
    const { clock } = this.#context;
    this.#holeSinceMs ??= clock.monotonic();
    if (clock.monotonic() - this.#holeSinceMs >= HOLE_MS) return this.#fork(epoch, true);
    await delay(clock, HOLE_STEP_MS);
    return { outcome: 'unchanged', more: true };
  }

  async #fork(seenEpoch: string, samePast: boolean): Promise<Step> {
    this.#holeSinceMs = undefined;
    await this.#repair.fork(seenEpoch, samePast);
    return { outcome: 'forked', more: true };
  }

  /** It is the one that the room follows: it is remembered as what a lost one is restored from (G2). */
  #confirm(session: StoredSession): void {
    this.#room.noteSession(session);
    this.#room.expiry.confirmed(session.remainingMs, session.ttl, this.#askedMs);
  }

  /** Whether the log reaches less far back than the tail: another gateway has healed it from a shorter one (G2). */
  #lacksOlder(session: StoredSession, read: LogRead): boolean {
    const { firstSeq, lastSeq } = this.#room.tail;
    const oldest = Math.max(firstSeq, session.count - this.#context.historyMax + 1);
    return firstSeq !== 0 && oldest <= lastSeq && oldest < firstKept(session, read);
  }

  /**
   * G1: another message was delivered under the position's number. So it is where the same one was stored anew, with
   * another time: what comes before it may be different.
   */
  #differs({ seq, id }: Position, { entries }: LogRead): boolean {
    const [same] = entries;
    if (same?.seq !== seq || id === '') return false;
    const delivered = this.#room.tail.at(seq);
    return same.id !== id || (delivered !== undefined && !delivered.frame.equals(liveMessageOf(same).frame));
  }

  #deliver(session: StoredSession, { entries, firstSeq }: LogRead): Step {
    const room = this.#room;
    const runs = splitAtHoles(entries.filter((entry) => entry.seq > room.seq));
    let outcome: SyncOutcome = runs.length === 0 ? 'unchanged' : 'delivered';
    for (const run of runs) {
      const next = run[0]?.seq ?? 0;
      if (next > room.seq + 1) {
        outcome = 'gap';
        this.#context.metrics.counters.gaps += 1;
        room.audience.tellGap(room.seq + 1, next - 1);
        room.moveTo({ epoch: session.epoch, seq: next - 1, id: '' }, firstSeq);
      }
      room.deliverNext(session.epoch, run.map(liveMessageOf));
    }
    return { outcome, more: runs.length > 0 && entries.length === PAGE };
  }
}

/** The log's oldest number; the next one when it is empty. */
function firstKept({ count }: StoredSession, { firstSeq }: LogRead): number {
  return firstSeq === 0 ? count + 1 : firstSeq;
}
