import type { ResumeRequest } from '@holdfast/protocol';
import type { OpenResult } from '@holdfast/session-store';
import type { Member } from '../ports/member.js';
import type { Room } from '../room/room.js';
import type { SharedCalls } from './shared-calls.js';

/** What a member asked for, and when it was welcomed without it. */
export interface LateJoin {
  readonly resume: ResumeRequest | undefined;
  /** Unix milliseconds. */
  readonly sinceMs: number;
}

/** A room with who uses it. */
export interface RoomEntry {
  readonly room: Room;
  /** Members, including those that are still joining. */
  users: number;
  /** Resolves when the channel is subscribed and the room has caught up; absent: not subscribed. */
  subscribed: Promise<void> | undefined;
  /** Subscribing, unsubscribing and leaving, one after the other. */
  chain: Promise<void>;
  /** What opens the session for those that join, while somebody does. */
  opens: SharedCalls<OpenResult | 'deleted'> | undefined;
  leaving: boolean;
  idleSinceMs: number;
  /** It is in memory, and somebody brings it back (D3). */
  recovering: boolean;
  /** Somebody has joined in memory since the last attempt to bring it back. */
  newcomers: boolean;
  /** Somebody has joined in memory whose connecting the session has not been told (C5). */
  toOpen: boolean;
  /** What lets those that are joining go on in memory when Redis goes away. */
  joining: Set<() => void> | undefined;
  /** Members that joined in memory and could not be given what they asked for (D3). */
  late: Map<Member, LateJoin> | undefined;
}

export function roomEntry(room: Room): RoomEntry {
  return {
    room,
    users: 0,
    subscribed: undefined,
    chain: Promise.resolve(),
    opens: undefined,
    leaving: false,
    idleSinceMs: 0,
    recovering: false,
    newcomers: false,
    toOpen: false,
    joining: undefined,
    late: undefined,
  };
}
