import type { Position, ServerFrame } from '@holdfast/protocol';
import type { LiveMessage, LogEntry, LogRead, StoredSession } from '@holdfast/session-store';
import { storedFrame } from '@holdfast/session-store';
import type { SyncOutcome } from '@holdfast/telemetry';
import { NOWHERE } from './position.js';
import { RetryPause } from './retry-pause.js';
import type { RoomContext } from './room-context.js';
import { runsOf } from './runs.js';
import type { Tail } from './tail.js';

/** What a sync needs of its room. */
export interface SyncedRoom {
  readonly sessionId: string;
  readonly position: Position | undefined;
  readonly seq: number;
  readonly tail: Tail;
  readonly expiry: { readonly passed: boolean; confirmed(remainingMs: number, ttl: number): void };
  /** Delivers a run of messages that follows on the position. */
  deliverNext(epoch: string, messages: readonly LiveMessage[]): void;
  /** Places the room without delivering. */
  moveTo(position: Position | undefined, firstSeq: number): void;
  noteFirstSeq(firstSeq: number): void;
  /** Applies what arrived meanwhile. @returns whether it shows that the log has to be read again */
  releaseHeld(): boolean;
  tellAll(frame: ServerFrame): void;
  /** Tells those that get live messages what they will not get (V7). */
  tellGap(from: number, to: number): void;
  expired(): void;
  deleted(): void;
  /** Members are told that the history from a number on may differ, and are given it again (G4). */
  restartMembers(epoch: string, from: number, alreadyHad: ReadonlySet<string>): void;
}

/** Why a room is synced; for the log only. */
export type SyncReason =
  | 'open'
  | 'gap'
  | 'unheard'
  | 'interrupted'
  | 'quiet'
  | 'resume'
  | 'gone'
  | 'epoch'
  | 'behind'
  | 'forked';

/** Entries one read asks for. */
const PAGE = 200;

/**
 * The one procedure that opens a room, catches up after a gap and checks after a reconnect: reads session and log from
 * the room's position (inclusive), compares, then delivers what is new or adopts what the log has. One at a time.
 */
export class Sync {
  readonly #room: SyncedRoom;
  readonly #context: RoomContext;
  #running: Promise<void> | undefined;
  /** Asked for while one runs: what that one has read may be older than the reason to ask. */
  #again = false;
  #stopped = false;
  /** Set while the log is taken in place of what was delivered: ids that members have had. */
  #adopting: ReadonlySet<string> | undefined;
  readonly #retry: RetryPause;

  constructor(room: SyncedRoom, context: RoomContext) {
    this.#room = room;
    this.#context = context;
    this.#retry = new RetryPause(context);
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
    this.#retry.cut();
  }

  async #loop(reason: SyncReason): Promise<void> {
    const { logger } = this.#context;
    if (reason !== 'open' && reason !== 'resume')
      logger.debug({ sessionId: this.#room.sessionId, reason }, 'Room syncs');
    let more = true;
    while (more && !this.#stopped) {
      this.#again = false;
      more = await this.#attempt();
      // Together with the end of the run, so that no payload is held that nobody releases.
      if (!more && !this.#stopped) more = this.#room.releaseHeld() || this.#again;
    }
    this.#running = undefined;
  }

  /** @returns whether there is more to read */
  async #attempt(): Promise<boolean> {
    try {
      const more = await this.#step();
      this.#retry.reset();
      return more;
    } catch (error) {
      this.#context.metrics.synced('failed');
      this.#context.reporter.storageFailed(error);
      await this.#retry.wait();
      return true;
    }
  }

  async #step(): Promise<boolean> {
    const room = this.#room;
    const { position } = room;
    const range = position ? { from: Math.max(1, position.seq), limit: PAGE } : { newest: PAGE };
    const read = await this.#context.log.read(room.sessionId, range);
    if (this.#stopped) return false;
    this.#context.reporter.storageWorked();
    // The session was deleted or ran out meanwhile: what was read belongs to another position.
    if (room.position !== position) return true;
    this.#context.metrics.synced(this.#take(position, read));
    const { session, entries } = read;
    if (!room.position || (session && room.position === NOWHERE)) return true;
    return session?.epoch === room.position.epoch && room.seq < session.count && entries.length === PAGE;
  }

  #take(position: Position | undefined, read: LogRead): SyncOutcome {
    const { session } = read;
    if (!session) return this.#absent(position, read);
    if (position && position !== NOWHERE && session.epoch !== position.epoch && this.#room.expiry.passed) {
      // Another gateway's member has begun the next epoch before this one noticed the end.
      this.#room.expired();
      return 'reset';
    }
    this.#room.expiry.confirmed(session.remainingMs, session.ttl);
    if (!position) return this.#load(session, read);
    if (position === NOWHERE) this.#room.moveTo({ epoch: session.epoch, seq: 0, id: '' }, read.firstSeq);
    else if (contradicts(position, session, read)) return this.#adopt(position, session);
    this.#room.noteFirstSeq(read.firstSeq);
    return this.#deliver(session.epoch, read);
  }

  #absent(position: Position | undefined, read: LogRead): SyncOutcome {
    if (!position) {
      this.#room.moveTo(NOWHERE, 0);
      if (this.#adopting) this.#room.tellAll({ type: 'session', event: 'expired' });
      this.#adopting = undefined;
    } else if (read.deletedEpoch !== undefined && read.deletedEpoch === position.epoch) this.#room.deleted();
    else this.#room.expired();
    return 'reset';
  }

  /** Opens the room: what is there was delivered by others; the tail takes it. */
  #load(session: StoredSession, { entries, firstSeq }: LogRead): SyncOutcome {
    const room = this.#room;
    const newest = entries.at(-1);
    room.moveTo({ epoch: session.epoch, seq: newest?.seq ?? session.count, id: newest?.id ?? '' }, firstSeq);
    room.tail.clear();
    for (const entry of runsOf(entries).at(-1) ?? []) room.tail.push(liveMessage(entry));
    const adopted = this.#adopting;
    this.#adopting = undefined;
    if (!adopted) return 'unchanged';
    room.restartMembers(session.epoch, Math.max(1, firstSeq), adopted);
    return 'reset';
  }

  #deliver(epoch: string, { entries, firstSeq }: LogRead): SyncOutcome {
    const room = this.#room;
    const runs = runsOf(entries.filter((entry) => entry.seq > room.seq));
    let outcome: SyncOutcome = runs.length === 0 ? 'unchanged' : 'delivered';
    for (const run of runs) {
      const next = run[0]?.seq ?? 0;
      if (next > room.seq + 1) {
        outcome = 'gap';
        this.#context.metrics.counters.gaps += 1;
        room.tellGap(room.seq + 1, next - 1);
        room.moveTo({ epoch, seq: next - 1, id: '' }, firstSeq);
      }
      room.deliverNext(epoch, run.map(liveMessage));
    }
    return outcome;
  }

  /** The log is another one than was delivered: it is taken as it is, and members are told from where on (G4). */
  #adopt(position: Position, session: StoredSession): SyncOutcome {
    const room = this.#room;
    const alreadyHad = new Set<string>();
    for (let seq = room.tail.firstSeq; seq !== 0 && seq <= room.tail.lastSeq; seq++) {
      const message = room.tail.at(seq);
      if (message) alreadyHad.add(message.id);
    }
    this.#adopting = alreadyHad;
    this.#context.logger.warn(
      { sessionId: room.sessionId, position, epoch: session.epoch, count: session.count },
      'Session in Redis is another one than was delivered',
    );
    room.moveTo(undefined, 0);
    return 'reset';
  }
}

/** G1: Redis has less, or something else, than was delivered. */
function contradicts(position: Position, session: StoredSession, read: LogRead): boolean {
  if (session.epoch !== position.epoch || session.count < position.seq) return true;
  const same = read.entries[0];
  return same?.seq === position.seq && position.id !== '' && same.id !== position.id;
}

/** A log entry as a room delivers it. */
export function liveMessage({ seq, id, senderKey, body }: LogEntry): LiveMessage {
  return { seq, id, senderKey, frame: Buffer.from(storedFrame(seq, id, body)) };
}
