import type { ResumeRequest } from '@holdfast/protocol';
import { NOWHERE } from '@holdfast/session-store';
import { delay } from '../ports/clock.js';
import type { Room } from '../room/room.js';
import type { RoomContext } from '../shared/gateway-context.js';

/** What a connecting member is given before live messages. */
export interface HistoryPlan {
  readonly recovered: boolean;
  /** First number of the history it gets; absent: none. */
  readonly from?: number;
}

/** How long a room may take to reach a number that a client has seen and the room has not (R2). */
const CATCH_UP_MS = 1_000;
const CATCH_UP_STEP_MS = 100;

/** Decides what a member gets that connects to a room, by R1–R3. The room is loaded. */
export async function planHistory(
  room: Room,
  context: RoomContext,
  resume: ResumeRequest | undefined,
): Promise<HistoryPlan> {
  if (!resume) return { recovered: false };
  if (resume.lastSeq === 0 && resume.epoch === undefined) return fromStart(room);
  if (resume.epoch !== room.position?.epoch) return { recovered: false, from: startOf(room) };
  const { lastSeq } = resume;
  if (lastSeq > room.seq) await catchUp(room, context, lastSeq);
  const another = lastSeq <= room.seq && (await differs(room, context, resume));
  // Looked at last, because reading takes time.
  if (another || resume.epoch !== room.position?.epoch || lastSeq > room.seq || lastSeq + 1 < startOf(room)) {
    return { recovered: false, from: startOf(room) };
  }
  return { recovered: true, from: lastSeq + 1 };
}

/** R3: everything that is kept; `recovered` tells whether that is all there ever was. */
function fromStart(room: Room): HistoryPlan {
  return { recovered: startOf(room) === 1, from: startOf(room) };
}

/** The oldest number that can be given; the one after the newest when nothing is kept. */
function startOf(room: Room): number {
  return room.firstSeq === 0 ? room.seq + 1 : room.firstSeq;
}

async function catchUp(room: Room, context: RoomContext, seq: number): Promise<void> {
  const deadline = context.clock.monotonic() + CATCH_UP_MS;
  while (room.seq < seq && context.clock.monotonic() < deadline) {
    await room.sync.run('resume');
    if (room.seq < seq) await delay(context.clock, CATCH_UP_STEP_MS);
  }
}

/** Whether the message that the client knows by a number is another one here; what is not kept cannot be compared. */
async function differs(room: Room, context: RoomContext, { lastSeq, lastId }: ResumeRequest): Promise<boolean> {
  if (lastId === undefined || lastSeq === 0) return false;
  const known = room.tail.at(lastSeq)?.id ?? (await readId(room, context, lastSeq));
  return known !== undefined && known !== lastId;
}

async function readId(room: Room, context: RoomContext, seq: number): Promise<string | undefined> {
  const { entries } = await context.log.read(room.sessionId, { from: seq, limit: 1 });
  const entry = entries[0];
  return entry?.seq === seq ? entry.id : undefined;
}

/**
 * What a member gets while Redis is away: what the tail holds (D1).
 *
 * @returns nothing when the room does not know whether that is what it asked for
 */
export function planFromTail(room: Room, resume: ResumeRequest | undefined): HistoryPlan | undefined {
  const { position, tail } = room;
  if (!position || position === NOWHERE) return undefined;
  if (!resume) return { recovered: false };
  const { lastSeq, lastId, epoch } = resume;
  if (lastSeq === 0 && epoch === undefined) return tail.firstSeq === room.firstSeq ? fromStart(room) : undefined;
  if (epoch !== position.epoch || lastSeq > position.seq) return undefined;
  const known = lastSeq === position.seq ? position.id : tail.at(lastSeq)?.id;
  if (known === undefined || (lastId !== undefined && known !== '' && known !== lastId)) return undefined;
  return { recovered: true, from: lastSeq + 1 };
}
