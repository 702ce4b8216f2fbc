import { FRAMED_PROTOCOL } from '@holdfast/protocol';
import { ClientSocket } from './client-socket.js';
import type { StrangerOptions } from './plain-member.js';
import { SimProcess } from './sim-process.js';

/** How long a connection lasts, in milliseconds. */
const LISTEN_MS = 3_000;

/**
 * A client on the framed protocol that resumes from positions which no real client has, close to real ones. The audit
 * of the wire checks its answers against R1 to R3.
 */
export class Probe {
  readonly #options: StrangerOptions;
  readonly #process: SimProcess;

  constructor(options: StrangerOptions) {
    this.#options = options;
    this.#process = new SimProcess(options.scheduler, 0);
  }

  /** Connects once, listens for a while, and leaves. */
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
