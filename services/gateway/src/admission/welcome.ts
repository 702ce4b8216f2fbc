import type { InstanceColor, WelcomeFrame } from '@holdfast/protocol';
import type { Connection } from '../connection/connection.js';
import type { Room } from '../room/room.js';

/** What a welcome says that is not the room's. */
export interface WelcomeDetails {
  readonly recovered: boolean;
  /** Whether it goes on from a position that is not known here (D1). */
  readonly late: boolean;
  readonly color: InstanceColor;
  readonly heartbeatMs: number;
  readonly maxMessageBytes: number;
  readonly serverTime: number;
}

/** The frame of V1: `seq` is what the room has delivered (F7). */
export function welcome(connection: Connection, room: Room, { late, ...details }: WelcomeDetails): WelcomeFrame {
  const { persistent, sessionId, connectionId, sender } = connection;
  const stored = persistent
    ? {
        epoch: late ? '' : (room.position?.epoch ?? ''),
        seq: late ? 0 : room.seq,
        firstSeq: late ? 0 : room.firstSeq,
        ttl: room.expiry.ttl,
        remainingTtl: room.expiry.remainingTtl,
      }
    : { epoch: null, seq: 0, firstSeq: 0, ttl: null, remainingTtl: null };
  return {
    type: 'welcome',
    protocol: 'holdfast.v1',
    sessionId,
    connectionId,
    sender,
    persistence: persistent ? 'redis' : 'none',
    storage: room.storage,
    ...stored,
    ...details,
  };
}
