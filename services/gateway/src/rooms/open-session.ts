import { type OpenResult, StorageUnavailableError } from '@holdfast/session-store';
import type { Room } from '../room/room.js';

/** A session may be deleted, healed or made anew while it is opened. */
const TRIES = 10;

/**
 * Loads or creates a room's session, and lets the room follow it (C5). What members here know and Redis does not is put
 * back first (G2).
 *
 * @param resumeEpoch the epoch that a member wants to go on with
 * @returns `deleted` when that epoch was deleted and none has come after it (G5)
 * @throws {StorageUnavailableError} when Redis does not answer, or the session changes faster than it can be opened
 */
export async function openSession(room: Room, resumeEpoch?: string): Promise<OpenResult | 'deleted'> {
  const { clock, log, shard, deletions } = room.context;
  const { sessionId, delivered } = room;
  const resuming = resumeEpoch === undefined ? {} : { resumeEpoch };
  // Redis may have lost its tombstone.
  if (resumeEpoch !== undefined) await deletions.bury(log, sessionId, resumeEpoch);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const askedMs = clock.monotonic();
    const opened = await log.open(sessionId, { known: delivered.isPlaced, ...resuming });
    shard.worked();
    if (opened === 'deleted') return opened;
    if (opened === 'gone') {
      await room.sync.run('gone');
      continue;
    }
    const { session } = opened;
    if (await deletions.bury(log, sessionId, session.epoch)) continue;
    report(room, opened);
    if (delivered.position?.epoch !== session.epoch) await room.sync.run('open');
    if (delivered.position?.epoch !== session.epoch) continue;
    delivered.noteSession(session);
    room.expiry.confirmed(session.remainingMs, session.ttl, askedMs);
    return opened;
  }
  throw new StorageUnavailableError(`session ${sessionId} changes faster than it can be opened`);
}

function report({ context: { reporter } }: Room, { created, quarantined, session }: OpenResult): void {
  const { sessionId } = session;
  if (quarantined !== undefined) reporter.quarantined(sessionId, quarantined);
  if (created) reporter.stored(sessionId, session.ttl);
  else reporter.loaded(sessionId, session.count);
}
