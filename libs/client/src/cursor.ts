import type { MessageFrame, Position, WelcomeFrame } from '@holdfast/protocol';
import { BoundedMap } from './bounded-map.js';
import type { HistoryRequest } from './connect-target.js';
import type { ClientEvents } from './events.js';

/**
 * What a message is to this client: `new`; `renumbered`, known by its id and now with its first number or another one;
 * `known`, to be dropped; `gap`, which means that a message before it is missing or differs from the one delivered.
 */
export type Verdict = 'new' | 'renumbered' | 'known' | 'gap';

/** How the history differs from what this client has, with the event that tells the application. */
export type HistoryBreak =
  | { event: 'gap'; value: ClientEvents['gap'] }
  | { event: 'reset'; value: ClientEvents['reset'] };

/** Where a client is in its session's history and which messages it has seen. Decides what each message is to it. */
export class Cursor {
  #position: Position | undefined;
  /** By sender and id: the message's number, 0 while it has none (pending, or not stored). */
  readonly #seen: BoundedMap<number>;
  /** The number in the last heartbeat. */
  #announcedSeq = 0;
  /** The position's number at that heartbeat. */
  #seqAtHeartbeat = 0;
  #isStored = false;

  constructor(rememberedIds: number, position?: Position) {
    this.#seen = new BoundedMap(rememberedIds);
    this.#position = position;
  }

  /** Absent without persistence, and before the first welcome. The epoch is `""` while it is unknown (D1). */
  get position(): Position | undefined {
    return this.#position;
  }

  /**
   * The position to keep for the next page. A stored session whose position no gateway could tell yet is kept as number
   * 0 of an unknown epoch, so that the next page misses nothing either. Its id `-` tells it from the position after an
   * expiry, from which the whole next session is due. The id is never sent, because a client without an epoch asks for
   * the kept history.
   */
  get kept(): Position | undefined {
    return this.#position ?? (this.#isStored ? { epoch: '', seq: 0, id: '-' } : undefined);
  }

  /**
   * Which history the next connection should ask for. A client that was a member before must not miss the messages of
   * the time in between, so it asks for the kept history when it knows no epoch.
   */
  request(wantsHistory = false): HistoryRequest {
    if (this.#position?.epoch) return this.#position.seq;
    return wantsHistory || this.#isStored || this.#position ? 'kept' : 'live';
  }

  /**
   * Takes the position from a welcome (V1, R1–R3).
   *
   * @returns how the history that follows differs from what this client has, if it does
   */
  welcome(frame: WelcomeFrame, request: HistoryRequest): HistoryBreak | undefined {
    const { epoch, seq, firstSeq } = frame;
    const before = this.#position;
    this.#announcedSeq = 0;
    if (epoch === null) return undefined;
    this.#isStored = true;
    // The gateway does not know the session now. Later it goes on from our position, or says what has changed (D1, D3).
    if (epoch === '') return undefined;
    if (request === 'live') {
      this.#position = { epoch, seq, id: '' };
      return undefined;
    }
    if (request !== 'kept' && frame.recovered) return undefined;
    const from = firstSeq || seq + 1;
    // A client that was told of an expiry is due the next session from number 1 on, whatever its epoch is.
    const isDue = request === 'kept' ? before?.seq === 0 && !before.id : before?.epoch === epoch;
    const isTrimmed = isDue && before && from > (request === 'kept' ? 0 : request) + 1;
    // The trimmed messages have arrived meanwhile, over the link that is being left (B3).
    if (isTrimmed && from <= before.seq + 1) return undefined;
    this.#position = { epoch, seq: from - 1, id: '' };
    if (isTrimmed) return { event: 'gap', value: { from: before.seq + 1, to: from - 1 } };
    // A client that asked for the kept history may have some of it already, from an epoch that no gateway has named.
    const isNew = request === 'kept' && !before?.seq;
    return isNew ? undefined : { event: 'reset', value: { epoch, from } };
  }

  message({ seq, id, sender }: Pick<MessageFrame, 'seq' | 'id' | 'sender'>): Verdict {
    const key = `${sender}\n${id}`;
    const known = this.#seen.get(key);
    const position = this.#position;
    if (seq !== undefined && position) {
      if (seq > position.seq + 1) return 'gap';
      // A passed number that comes again with another id: the history has forked and no frame has said so.
      if (seq <= position.seq) return known === seq ? 'known' : 'gap';
      this.#position = { epoch: position.epoch, seq, id };
    } else if (seq !== undefined && this.#isStored) this.#position = { epoch: '', seq, id };
    else if (known !== undefined && known >= (seq ?? 0)) return 'known';
    this.#seen.set(key, seq ?? 0);
    return known === undefined ? 'new' : 'renumbered';
  }

  /**
   * Compares the number in a heartbeat (V5) with the position. A message that one heartbeat announced must have arrived
   * by the next one. While others still arrive the client waits on: a long history may take a slow link longer than one
   * interval, and giving the link up would make it longer still.
   *
   * @returns whether an announced message is missing
   */
  heartbeat(seq: number): boolean {
    const current = this.#position?.seq ?? 0;
    const isMissing = this.#position !== undefined && this.#announcedSeq > current && current === this.#seqAtHeartbeat;
    this.#announcedSeq = seq;
    this.#seqAtHeartbeat = current;
    return isMissing;
  }

  /**
   * V7 `gap`: messages with these numbers will not arrive.
   *
   * @returns the numbers that have not arrived already, over the link that is being left (B3); nothing when all have;
   *   `unknown` when numbers before them are missing, of which nobody has said what became of them
   */
  gap(from: number, to: number): ClientEvents['gap'] | 'unknown' | undefined {
    const position = this.#position;
    if (!position) return { from, to };
    if (to <= position.seq) return undefined;
    if (from > position.seq + 1) return 'unknown';
    this.#position = { ...position, seq: to, id: '' };
    return { from: position.seq + 1, to };
  }

  /**
   * V7 `reset`: the history from a number on follows again, in a new epoch.
   *
   * @returns the number that is due: a lower one, where this client has received less than the gateway assumes
   */
  reset(epoch: string, from: number): number {
    const before = this.#position;
    // The gateway may not know what this client has: after a reset over another link, an expiry, or messages of an epoch
    // that no gateway has named. Then the next message, or what is told of a gap, shows that some are missing. A position that nobody knew (id `-`) makes nothing due.
    const isDue = before && before.id !== '-';
    const due = isDue ? Math.min(before.seq + 1, from) : from;
    this.#position = { epoch, seq: due - 1, id: '' };
    this.#announcedSeq = 0;
    return due;
  }

  /**
   * V7 `expired`: the next message is number 1 of an epoch that is not known yet, also for a stored session in which no
   * gateway could tell the position.
   */
  expired(): void {
    if (this.kept) this.reset('', 1);
  }

  /** The session was deleted. A later session of the same id has nothing to do with it. */
  forget(): void {
    this.#position = undefined;
    this.#isStored = false;
  }
}
