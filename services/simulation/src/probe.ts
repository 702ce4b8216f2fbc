import { FRAMED_PROTOCOL } from '@holdfast/protocol';
import { ClientSocket } from './client-socket.js';
import type { PlainMemberOptions } from './plain-member.js';
import { SimProcess } from './sim-process.js';

/** How long it listens, milliseconds. */
const LISTEN_MS = 3_000;

/**
 * A stranger on the framed protocol that resumes from positions which no honest client has, right beside those that
 * one has. The audit of the wire holds what it is answered against R1 to R3.
 */
export class Probe {
  readonly #options: PlainMemberOptions;
  readonly #process: SimProcess;

  constructor(options: PlainMemberOptions) {
    this.#options = options;
    this.#process = new SimProcess(options.scheduler, 0);
  }

  /** Connects once, listens for a while, and goes. */
  ask(): void {
    const { history, random, dial, name, audit } = this.#options;
    const { newest, firstKept, epoch } = history;
    const lastSeq = Math.max(
      0,
      random.pick([0, firstKept - 2, firstKept - 1, firstKept, newest - 2, newest, newest + 1]),
    );
    const id = history.at(lastSeq)?.id ?? 'unknown';
    const query = new URLSearchParams({
      session: history.sessionId,
      redis_persistence: 'true',
      last_seq: String(lastSeq),
      ...random.pick([{ epoch }, { epoch }, { epoch }, { epoch: `${epoch}x` }, {}]),
      ...random.pick([{ last_id: id }, { last_id: id }, { last_id: 'another' }, {}]),
    });
    audit.note(`${name} asks`);
    const socket = new ClientSocket(this.#process, dial, `ws://holdfast/ws/chat/?${query}`, [FRAMED_PROTOCOL]);
    this.#process.clock.setTimeout(() => socket.close(), LISTEN_MS);
  }

  leave(): void {
    this.#process.kill();
  }
}
