import type { ResumeRequest } from '@holdfast/protocol';
import { storedAt } from '@holdfast/session-store';
import { delay } from '../ports/clock.js';
import type { DeliveredHistory } from '../room/delivery/delivered-history.js';
import type { Room } from '../room/room.js';

/** What a connecting member is given before live messages. */
export interface HistoryPlan {
  /** Whether the member gets everything that it has missed (R1). */
  readonly recovered: boolean;
  /** First number of the history that the member is given; absent: no history. */
  readonly from?: number;
  /** First number that the member lacks or may have differently, where that is not {@link from} (V7). */
  readonly differsFrom?: number;
}

/** How long a room may take to reach a number that a client has seen and the room has not (R2). */
const CATCH_UP_MS = 1_000;
const CATCH_UP_STEP_MS = 100;
/** Entries that one read of the log asks for. */
const PAGE = 200;

/** Runs a wait in which a join keeps nobody else from joining (B5); may also leave it out, when too many wait already. */
export type WaitAside = (wait: () => Promise<void>) => Promise<void>;

/** Decides what a member is given that connects to a room, by R1–R3. The room is loaded. */
export async function planHistory(
  room: Room,
  resume: ResumeRequest | undefined,
  aside: WaitAside,
): Promise<HistoryPlan> {
  const { delivered } = room;
  if (!delivered.isStartKnown && !isJustSynced(room)) await room.sync.run('resume');
  if (!resume) return { recovered: false };
  if (resume.lastSeq === 0 && resume.epoch === undefined) return fromStart(delivered);
  if (resume.epoch !== delivered.position?.epoch) return unknown(delivered);
  const { lastSeq } = resume;
  if (lastSeq > delivered.seq) await catchUp(room, lastSeq, aside);
  const isAnother = lastSeq <= delivered.seq && (await differs(room, resume));
  // Compared last, because reading takes time.
  const isHere = resume.epoch === delivered.position?.epoch && lastSeq <= delivered.seq;
  if (isAnother || !isHere) return unknown(delivered);
  // The messages in between were trimmed.
  if (lastSeq + 1 < startOf(delivered)) return { ...unknown(delivered), differsFrom: lastSeq + 1 };
  return { recovered: true, from: lastSeq + 1 };
}

/**
 * What a member is given while Redis is away: what the tail holds (D1).
 *
 * @returns `undefined` when the room does not know whether the tail has what the member asks for
 */
export function planFromTail(delivered: DeliveredHistory, resume: ResumeRequest | undefined): HistoryPlan | undefined {
  const { position, isPlaced, tail } = delivered;
  if (!position || !isPlaced) return undefined;
  if (!resume) return { recovered: false };
  const { lastSeq, lastId, epoch } = resume;
  if (lastSeq === 0 && epoch === undefined) {
    return tail.firstSeq === delivered.firstSeq ? fromStart(delivered) : undefined;
  }
  if (epoch !== position.epoch || lastSeq > position.seq) return undefined;
  const known = lastSeq === position.seq ? position.id : tail.at(lastSeq)?.id;
  if (known === undefined || (lastId !== undefined && known !== '' && known !== lastId)) return undefined;
  return { recovered: true, from: lastSeq + 1 };
}

/** Everything that is kept; `recovered` tells whether that is all there ever was (R3). */
function fromStart(delivered: DeliveredHistory): HistoryPlan {
  return { recovered: startOf(delivered) === 1, from: startOf(delivered) };
}

/** Everything that is kept, for a member that may have any message differently: nobody knows where its history parted. */
function unknown(delivered: DeliveredHistory): HistoryPlan {
  return { recovered: false, from: startOf(delivered), differsFrom: 1 };
}

/** The oldest number that can be given; the number after the newest when nothing is kept. */
function startOf({ firstSeq, seq }: DeliveredHistory): number {
  return firstSeq === 0 ? seq + 1 : firstSeq;
}

/**
 * Waits for a number that a client has seen and the room has not. Redis is asked before the wait and after it: what
 * other gateways heal meanwhile comes through the channel.
 */
export async function catchUp(room: Room, seq: number, aside: WaitAside): Promise<void> {
  const { clock } = room.context;
  await room.sync.run('resume');
  if (room.delivered.seq >= seq) return;
  await aside(async () => {
    const deadline = clock.monotonic() + CATCH_UP_MS;
    while (room.delivered.seq < seq && clock.monotonic() < deadline) await delay(clock, CATCH_UP_STEP_MS);
  });
  if (room.delivered.seq < seq && !isJustSynced(room)) await room.sync.run('resume');
}

/** Whether Redis has just been asked: however many wait for one room, it is asked for them ten times a second. */
function isJustSynced({ context: { clock }, sync }: Room): boolean {
  return clock.monotonic() - sync.askedMs < CATCH_UP_STEP_MS;
}

/** Whether the client knows another message by a number than the room; a message that is not kept cannot be compared. */
async function differs(room: Room, { lastSeq, lastId }: ResumeRequest): Promise<boolean> {
  if (lastId === undefined || lastSeq === 0) return false;
  const known = room.delivered.tail.at(lastSeq)?.id ?? (await readId(room, lastSeq));
  return known !== undefined && known !== lastId;
}

/** Reads the page that the member is given next, so that those who come back together share one read (F9). */
async function readId({ delivered, context }: Room, seq: number): Promise<string | undefined> {
  const { historyPages, shard } = context;
  const page = await historyPages.page({ history: delivered, from: seq, shard, isOver: () => false });
  const message = page?.messages[0];
  return message?.seq === seq ? message.id : undefined;
}

/**
 * The first number that was stored since a time; the number after the newest when none was. Reads the log where the tail
 * does not reach back to that time, page by page, from the newest on.
 *
 * @param ms Unix milliseconds of Redis' clock
 * @throws {Error} when Redis does not answer
 */
export async function firstSince(room: Room, ms: number): Promise<number> {
  const { delivered } = room;
  const { tail } = delivered;
  let first = delivered.seq + 1;
  for (let message = tail.at(first - 1); message && first > startOf(delivered); message = tail.at(first - 1)) {
    if (storedAt(message.frame) < ms) return first;
    first -= 1;
  }
  for (;;) {
    const from = Math.max(startOf(delivered), first - PAGE);
    if (from >= first) return first;
    const older = await newestBefore(room, from, first, ms);
    if (older !== undefined) return older + 1;
    first = from;
  }
}

/** The newest number from one up to another, exclusive, that was stored before a time. */
async function newestBefore(room: Room, from: number, end: number, ms: number): Promise<number | undefined> {
  let newest: number | undefined;
  for (let next = from; next < end; ) {
    const { entries, more } = await room.context.log.read(room.sessionId, { from: next, limit: end - next });
    for (const { seq, body } of entries) if (seq < end && storedAt(body) < ms) newest = seq;
    next = more ? (entries.at(-1)?.seq ?? end) + 1 : end;
  }
  return newest;
}
