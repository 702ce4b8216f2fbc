import type { MessageFrame, Position, WelcomeFrame } from '@holdfast/protocol';
import type { ClientEvents } from './events.js';
import type { Asked } from './link.js';
import { Recent } from './recent.js';

/**
 * What a message is to this client: `new`; `again`, known by its id but now with a number, or with another one;
 * `known`, to be dropped; `gap`, something before it is missing or is not what was delivered.
 */
export type Verdict = 'new' | 'again' | 'known' | 'gap';

/** History that will not come, or that comes again because it may differ: the event that says so. */
export type Break = { event: 'gap'; value: ClientEvents['gap'] } | { event: 'reset'; value: ClientEvents['reset'] };

/** Where a client is in its session's history, and what it has seen: decides what each message is to it. */
export class Cursor {
  #position: Position | undefined;
  /** By sender and id: the number, 0 for none (pending, or not stored). */
  readonly #seen: Recent<number>;
  /** The number in the last heartbeat. */
  #announced = 0;
  /** Where this client was at that heartbeat. */
  #reached = 0;
  #isStored = false;

  constructor(rememberedIds: number, position?: Position) {
    this.#seen = new Recent(rememberedIds);
    this.#position = position;
  }

  /** Absent without persistence, and before the first welcome. The epoch is `""` while unknown (D1). */
  get position(): Position | undefined {
    return this.#position;
  }

  /**
   * What a page that comes after this one goes on from: one that nobody could tell a position misses nothing either.
   */
  get kept(): Position | undefined {
    return this.#position ?? (this.#isStored ? { epoch: '', seq: 0, id: '' } : undefined);
  }

  /** What the next connection should ask for. Who was there already must not miss what came in between. */
  ask(wantsHistory = false): Asked {
    if (this.#position?.epoch) return this.#position.seq;
    return wantsHistory || this.#isStored || this.#position ? 'kept' : 'live';
  }

  /**
   * Takes note of a welcome (V1, R1–R3).
   *
   * @returns what of the history before it is not as this client knows it
   */
  welcome(frame: WelcomeFrame, asked: Asked): Break | undefined {
    const { epoch, seq, firstSeq } = frame;
    const before = this.#position;
    this.#announced = 0;
    if (epoch === null) return undefined;
    this.#isStored = true;
    // The gateway does not know the session now: it will go on from our position, or say what has changed (D1, D3).
    if (epoch === '') return undefined;
    if (asked === 'live') {
      this.#position = { epoch, seq, id: '' };
      return undefined;
    }
    if (asked !== 'kept' && frame.recovered) return undefined;
    const from = firstSeq || seq + 1;
    const isTrimmed = asked !== 'kept' && before?.epoch === epoch && from > asked + 1;
    // What is not kept any more has come meanwhile, over the link that is being left (B3).
    if (isTrimmed && from <= before.seq + 1) return undefined;
    this.#position = { epoch, seq: from - 1, id: '' };
    if (isTrimmed) return { event: 'gap', value: { from: before.seq + 1, to: from - 1 } };
    // Who asked for all that is kept may have had some of it, in an epoch that nobody has named.
    const isNew = asked === 'kept' && !before?.seq;
    return isNew ? undefined : { event: 'reset', value: { epoch, from } };
  }

  message({ seq, id, sender }: Pick<MessageFrame, 'seq' | 'id' | 'sender'>): Verdict {
    const key = `${sender}\n${id}`;
    const known = this.#seen.get(key);
    const position = this.#position;
    if (seq !== undefined && position) {
      if (seq > position.seq + 1) return 'gap';
      // A number that was passed with another id is a fork that nobody told us of.
      if (seq <= position.seq) return known === seq ? 'known' : 'gap';
      this.#position = { epoch: position.epoch, seq, id };
    } else if (seq !== undefined && this.#isStored) this.#position = { epoch: '', seq, id };
    else if (known !== undefined && known >= (seq ?? 0)) return 'known';
    this.#seen.set(key, seq ?? 0);
    return known === undefined ? 'new' : 'again';
  }

  /**
   * Takes note of the number in a heartbeat (V5). What one heartbeat announced has come by the next one, or is coming:
   * a long history takes a slow link longer than that, and giving the link up would only make it longer.
   *
   * @returns whether it has not come, and nothing else has
   */
  heartbeat(seq: number): boolean {
    const reached = this.#position?.seq ?? 0;
    const isMissing = this.#position !== undefined && this.#announced > reached && reached === this.#reached;
    this.#announced = seq;
    this.#reached = reached;
    return isMissing;
  }

  /**
   * V7 `gap`: these numbers will not come.
   *
   * @returns those that have not come already, over the link that is being left (B3)
   */
  gap(from: number, to: number): ClientEvents['gap'] | undefined {
    const position = this.#position;
    if (!position) return { from, to };
    if (to <= position.seq) return undefined;
    this.#position = { ...position, seq: to, id: '' };
    return { from: Math.max(from, position.seq + 1), to };
  }

  /** V7 `reset`: the history from a number on comes again, in a new epoch. */
  reset(epoch: string, from: number): void {
    // Where less had been delivered than the gateway assumes, the next message must show as a gap.
    const seq = this.#position?.epoch ? Math.min(this.#position.seq, from - 1) : from - 1;
    this.#position = { epoch, seq, id: '' };
    this.#announced = 0;
  }

  /** V7 `expired`: what comes next is number 1 of an epoch not known yet. */
  expired(): void {
    if (this.#position) this.reset('', 1);
  }

  /** The session was deleted: what comes next has nothing to do with it. */
  forget(): void {
    this.#position = undefined;
    this.#isStored = false;
  }
}
