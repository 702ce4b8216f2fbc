import type { WebSocketConstructor, WebSocketLike } from '@holdfast/client';
import type { ClientFrame, SendFrame } from '@holdfast/protocol';
import type { FakeClock, SeededRandom } from '@holdfast/testkit';
import { WELCOME } from './harness.js';

export interface Entry {
  readonly seq: number;
  readonly id: string;
  readonly content: string;
  readonly sender: string;
}

/** The probability of each fault, per frame or connection. */
export interface Faults {
  refuseConnect: number;
  cut: number;
  halfOpen: number;
  dropFrame: number;
  refuseSend: number;
  drain: number;
  fork: number;
}

export const NO_FAULTS: Faults = {
  refuseConnect: 0,
  cut: 0,
  halfOpen: 0,
  dropFrame: 0,
  refuseSend: 0,
  drain: 0,
  fork: 0,
};

/** One session on a gateway that follows the protocol, reached through links that may fail in any way. */
export class ModelGateway {
  epoch = 'E1';
  log: Entry[] = [];
  faults: Faults;
  readonly links = new Set<ModelLink>();
  readonly socket: WebSocketConstructor;

  constructor(
    readonly clock: FakeClock,
    readonly random: SeededRandom,
    faults: Faults,
  ) {
    this.faults = faults;
    const gateway = this;
    this.socket = class extends ModelLink {
      constructor(url: string) {
        super(gateway, url);
      }
    };
  }

  accept(link: ModelLink, frame: SendFrame): void {
    if (this.random.chance(this.faults.refuseSend)) {
      const { id } = frame;
      return link.tell({ type: 'error', code: 'rate_limited', message: 'slower', id, retryAfterMs: 50 });
    }
    const known = this.log.find(({ id, sender }) => id === frame.id && sender === link.sender);
    if (known) return frame.retry ? link.tell({ type: 'ack', id: known.id, seq: known.seq }) : undefined;
    const entry = { seq: this.log.length + 1, id: frame.id, content: frame.content, sender: link.sender };
    this.log.push(entry);
    for (const member of this.links) member.tell({ type: 'message', timestamp: 1, ...entry });
    if (this.random.chance(this.faults.fork)) this.#fork();
  }

  /** Begins another epoch, in which the newest messages have other numbers (G4). */
  #fork(): void {
    const from = this.random.int(Math.max(1, this.log.length - 5), this.log.length);
    const rest = this.random.shuffle(this.log.slice(from - 1));
    this.log = [...this.log.slice(0, from - 1), ...rest].map((entry, i) => ({ ...entry, seq: i + 1 }));
    this.epoch = `E${Number(this.epoch.slice(1)) + 1}`;
    for (const member of this.links) {
      member.tell({ type: 'session', event: 'reset', epoch: this.epoch, from });
      for (const entry of this.log.slice(from - 1)) member.tell({ type: 'message', timestamp: 1, ...entry });
    }
  }
}

/** The client's socket and the gateway's end of it. Frames take time, keep their order, and may get lost. */
class ModelLink implements WebSocketLike {
  onmessage: (event: { data: unknown }) => void = ignore;
  onclose: (event: { code: number; reason: string }) => void = ignore;
  onerror: () => void = ignore;
  readonly sender: string;
  readonly #gateway: ModelGateway;
  readonly #query: URLSearchParams;
  #isOpen = true;
  #isSilent = false;
  #arrivesAt = { client: 0, gateway: 0 };

  constructor(gateway: ModelGateway, url: string) {
    this.#gateway = gateway;
    this.#query = new URL(url).searchParams;
    this.sender = `name of ${this.#query.get('client')}`;
    this.#later('gateway', () => this.#connected());
  }

  send(data: string): void {
    this.#later('gateway', () => {
      const frame = JSON.parse(data) as ClientFrame;
      if (frame.type === 'send') this.#gateway.accept(this, frame);
      if (frame.type === 'ping') this.tell({ type: 'pong' });
    });
  }

  close(): void {
    this.#end();
  }

  tell(frame: object): void {
    const { random, faults } = this.#gateway;
    if (random.chance(faults.halfOpen)) this.#isSilent = true;
    if (random.chance(faults.cut)) this.#later('client', () => this.#cut());
    if (random.chance(faults.drain)) {
      this.#deliver({ type: 'drain', reconnectInMs: random.int(0, 500), deadlineMs: 3_000 });
    }
    if (!random.chance(faults.dropFrame)) this.#deliver(frame);
  }

  #deliver(frame: object): void {
    this.#later('client', () => this.onmessage({ data: JSON.stringify(frame) }));
  }

  #connected(): void {
    const { random, faults, log, epoch, links } = this.#gateway;
    if (random.chance(faults.refuseConnect)) return this.#cut();
    links.add(this);
    const lastSeq = Number(this.#query.get('last_seq') ?? -1);
    const isKnown = this.#query.get('epoch') === epoch && lastSeq <= log.length;
    const isSame = isKnown && (!this.#query.has('last_id') || log[lastSeq - 1]?.id === this.#query.get('last_id'));
    const isFromStart = this.#query.get('last_seq') === '0' && !this.#query.has('epoch');
    const welcome = { ...WELCOME, epoch, seq: log.length, firstSeq: log.length && 1, heartbeatMs: 1_000 };
    this.#deliver({ ...welcome, recovered: lastSeq >= 0 && (isSame || isFromStart) });
    for (const entry of lastSeq < 0 ? [] : log.slice(isSame ? lastSeq : 0)) {
      this.#deliver({ type: 'message', timestamp: 1, ...entry });
    }
    this.#heartbeat();
  }

  #heartbeat(): void {
    if (!this.#isOpen) return;
    this.#deliver({ type: 'heartbeat', timestamp: 1, seq: this.#gateway.log.length });
    this.#gateway.clock.setTimeout(() => this.#heartbeat(), 1_000);
  }

  #cut(): void {
    this.#end();
    this.onclose({ code: 1006, reason: '' });
  }

  #end(): void {
    this.#isOpen = false;
    this.#gateway.links.delete(this);
  }

  /** Calls `run` when a frame arrives at one end, unless the link has ended by then. */
  #later(end: 'client' | 'gateway', run: () => void): void {
    const { clock, random } = this.#gateway;
    const at = Math.max(this.#arrivesAt[end], clock.monotonic() + random.int(1, 60));
    this.#arrivesAt[end] = at;
    clock.setTimeout(() => {
      if (this.#isOpen && !this.#isSilent) run();
    }, at - clock.monotonic());
  }
}

function ignore(): void {
  // The client sets its own handler before a frame arrives.
}
