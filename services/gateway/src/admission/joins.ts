import type { Config } from '@holdfast/config';
import { CLOSE, type ResumeRequest } from '@holdfast/protocol';
import { liveChannel } from '@holdfast/session-store';
import type { Connection } from '../connection/connection.js';
import type { Joined, Rooms } from '../rooms/rooms.js';
import type { GatewayContext } from '../shared/gateway-context.js';
import type { Admission } from './admission.js';
import { type Joiner, JoinQueue } from './join-queue.js';
import { welcome } from './welcome.js';

export interface JoinsOptions {
  readonly config: Pick<Config, 'sessions' | 'color'>;
  readonly context: Pick<GatewayContext, 'clock' | 'shards'>;
  readonly rooms: Rooms;
  readonly admission: Pick<Admission, 'joined'>;
}

/** A connection with what it wants to go on with. */
interface JoiningConnection extends Joiner {
  readonly connection: Connection;
  readonly resume: ResumeRequest | undefined;
}

/** Takes connections from the open socket into their rooms. */
export class Joins {
  readonly #options: JoinsOptions;
  readonly #lane = new JoinQueue<JoiningConnection>((joiner) => this.#join(joiner));
  readonly #joiners = new Map<Connection, JoiningConnection>();

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  begin(connection: Connection, resume: ResumeRequest | undefined): void {
    const { sessionId } = connection;
    const joiner = { connection, sessionId, resume, isReturning: resume !== undefined };
    this.#joiners.set(connection, joiner);
    this.#lane.add(joiner);
  }

  /** A connection has ended: it leaves its room, if it was on its way there. */
  ended(connection: Connection): void {
    const { rooms, admission } = this.#options;
    const joiner = this.#joiners.get(connection);
    if (!joiner || !this.#lane.remove(joiner)) return rooms.leave(connection, connection.sessionId);
    this.#joiners.delete(connection);
    admission.joined();
  }

  async #join({ connection, resume }: JoiningConnection): Promise<void> {
    const { rooms, admission, context } = this.#options;
    try {
      const joined = await rooms.join(connection, connection.sessionId, resume);
      if (connection.closed) return;
      if (joined) this.#admit(connection, joined);
      else connection.close(CLOSE.sessionDeleted);
    } catch (error) {
      context.shards.of(liveChannel(connection.sessionId)).failed(error);
      connection.close(CLOSE.overloaded);
    } finally {
      this.#joiners.delete(connection);
      admission.joined();
    }
  }

  /** In one step: the welcome, whatever history follows it, and live messages from then on (R1, F7). */
  #admit(connection: Connection, { room, plan, late = false }: Joined): void {
    const { config, context } = this.#options;
    const { sessions, color } = config;
    connection.tell(
      welcome(connection, room, {
        recovered: plan.recovered,
        late,
        color,
        heartbeatMs: sessions.heartbeatMs,
        maxMessageBytes: sessions.messageMaxBytes,
        serverTime: context.clock.now(),
      }),
    );
    if (late) room.audience.attachLate(connection);
    else if (plan.from === undefined) room.audience.attach(connection);
    else room.audience.attachAfterHistory(connection, plan.from);
    connection.enterRoom(room);
  }
}
