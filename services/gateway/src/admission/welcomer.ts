import type { Config } from '@holdfast/config';
import { CLOSE, type WelcomeFrame } from '@holdfast/protocol';
import { SessionCorruptError } from '@holdfast/session-store';
import type { Connection } from '../connection/connection.js';
import type { GatewayContext } from '../rooms/gateway-context.js';
import type { WaitAside } from '../rooms/history-plan.js';
import type { Joined, Rooms } from '../rooms/rooms.js';
import type { Admission, JoinRequest } from './admission.js';
import { JoinQueue, type QueuedJoin } from './join-queue.js';

export interface WelcomerOptions {
  readonly config: Pick<Config, 'sessions' | 'color'>;
  readonly context: Pick<GatewayContext, 'clock' | 'names' | 'shards'>;
  readonly rooms: Rooms;
  readonly admission: Pick<Admission, 'welcomed' | 'waitsAside'>;
}

/** A connection on its way to its room, with the position it asked to resume from. */
interface JoiningConnection extends QueuedJoin {
  readonly connection: Connection;
  readonly request: JoinRequest;
}

/**
 * Takes connections from the open socket into their rooms: they wait for their turn in a {@link JoinQueue}, enter the
 * room, and are welcomed. A connection can end at any of these points; whatever it had taken is then given back.
 */
export class Welcomer {
  readonly #options: WelcomerOptions;
  readonly #queue = new JoinQueue<JoiningConnection>((joining, aside) => this.#join(joining, aside));
  /** Connections without a welcome, also while their join runs. */
  readonly #joining = new Map<Connection, JoiningConnection>();

  constructor(options: WelcomerOptions) {
    this.#options = options;
  }

  /** The socket is open. The welcome follows by itself, or the connection is closed. */
  begin(connection: Connection, request: JoinRequest): void {
    const { sessionId } = connection;
    const joining = { connection, sessionId, request, isReturning: request.resume !== undefined };
    this.#joining.set(connection, joining);
    this.#queue.add(joining);
  }

  /** The connection has ended: it leaves its room, or the queue when its join has not begun. */
  ended(connection: Connection): void {
    const { rooms, admission } = this.#options;
    const joining = this.#joining.get(connection);
    if (!joining || !this.#queue.remove(joining)) return rooms.leave(connection, connection.sessionId);
    this.#joining.delete(connection);
    admission.welcomed(joining.request);
  }

  async #join({ connection, request }: JoiningConnection, aside: WaitAside): Promise<void> {
    const { rooms, admission, context } = this.#options;
    try {
      const joined = await rooms.join(connection, connection.sessionId, request.resume, (wait) =>
        aside(() => admission.waitsAside(wait, request)),
      );
      if (connection.closed) return;
      if (joined) this.#welcome(connection, joined);
      else connection.close(CLOSE.sessionDeleted);
    } catch (error) {
      if (error instanceof SessionCorruptError) return connection.close(CLOSE.forbidden);
      context.shards.of(context.names.liveChannel(connection.sessionId)).failed(error);
      connection.close(CLOSE.overloaded);
    } finally {
      this.#joining.delete(connection);
      admission.welcomed(request);
    }
  }

  /** Without a pause in between: the welcome, the history that follows it, and live messages from then on (R1, F7). */
  #welcome(connection: Connection, joined: Joined): void {
    const { room, plan, late = false } = joined;
    connection.tell(this.#welcomeFrame(connection, joined));
    if (late) room.audience.attachLate(connection);
    else if (plan.from === undefined) room.audience.attach(connection);
    else room.audience.attachAfterHistory(connection, plan.from);
    connection.enterRoom(room);
  }

  /** The frame of V1. Its `seq` is the newest number the room has delivered, not the newest that is stored (F7). */
  #welcomeFrame(connection: Connection, { room, plan, late = false }: Joined): WelcomeFrame {
    const { config, context } = this.#options;
    const { persistent, sessionId, connectionId, sender } = connection;
    // A late member goes on from a position that is not known here: it is told when Redis is back (D1).
    const position = persistent
      ? {
          epoch: late ? '' : (room.delivered.position?.epoch ?? ''),
          seq: late ? 0 : room.delivered.seq,
          firstSeq: late ? 0 : room.delivered.firstSeq,
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
      ...position,
      recovered: plan.recovered,
      color: config.color,
      heartbeatMs: config.sessions.heartbeatMs,
      maxMessageBytes: config.sessions.messageMaxBytes,
      serverTime: context.clock.now(),
    };
  }
}
