import type { ConnectRequest, WireProtocol } from '@holdfast/protocol';
import {
  type AppendRequest,
  type AppendResult,
  decodeLive,
  type LogBounds,
  type LogRead,
  type Names,
} from '@holdfast/session-store';
import { History } from './history.js';
import { PlainWireAudit } from './plain-wire-audit.js';
import type { Scheduler } from './scheduler.js';
import type { Change, Stored, StoreState } from './stored.js';
import type { Trace } from './trace.js';
import { FramedWireAudit } from './wire-audit.js';

/** The first violation of a run. */
export interface Finding {
  readonly rule: string;
  readonly what: string;
  readonly atMs: number;
}

export type WireAudit = FramedWireAudit | PlainWireAudit;

export interface AuditOptions {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  /** Of the deployment's channels. */
  readonly names: Names;
  /** Reads what the store has of a session. */
  readonly look: (sessionId: string) => StoreState | undefined;
  /** Begins what it says: empty, or what tells the second deployment from the first. */
  readonly prefix: string;
}

/** Watches a deployment from outside, and checks it against the rules. */
export class Audit {
  readonly histories = new Map<string, History>();
  readonly trace: Trace;
  /** Whether gateways may forget what they have delivered before it is needed again (F5). */
  tailsAreSmall = false;
  /** That of the other deployment on the same Redis. */
  neighbour: Audit | undefined;
  #finding: Finding | undefined;
  readonly #scheduler: Scheduler;
  /** The newest number that has reached a gateway in any way, by gateway and session. */
  readonly #heard = new Map<string, number>();
  readonly #byChannel = new Map<string, History>();
  readonly #look: (sessionId: string) => StoreState | undefined;
  readonly #names: Names;
  readonly #prefix: string;
  /** Gateways that Redis has confirmed a deletion to, with the deleted epoch, or how long a session lives (F8). */
  readonly #told = new Set<string>();
  /** Gateways and sessions where a publish arrived late. Publishes do not tell when they were made. */
  readonly #late = new Set<string>();
  /** Sessions and times at which commands ran that their gateways had given up. */
  readonly #forsaken = new Set<string>();

  constructor(options: AuditOptions) {
    this.#scheduler = options.scheduler;
    this.trace = options.trace;
    this.#look = options.look;
    this.#names = options.names;
    this.#prefix = options.prefix === '' ? '' : `${options.prefix} `;
  }

  get finding(): Finding | undefined {
    return this.#finding;
  }

  /** Reports a violation and ends the run. Only the first violation counts. */
  readonly fail = (rule: string, what: string): void => {
    const atMs = this.#scheduler.nowMs;
    this.note(`VIOLATION of ${rule}: ${what}`);
    this.#finding ??= { rule, what, atMs };
    this.#scheduler.stop();
  };

  note(line: string): void {
    this.trace.add(this.#scheduler.nowMs, this.#prefix + line);
  }

  addSession(sessionId: string, bounds: LogBounds): History {
    const history = new History(sessionId, bounds, () => this.#scheduler.nowMs, this.fail);
    this.histories.set(sessionId, history);
    this.#byChannel.set(this.#names.liveChannel(sessionId), history);
    return history;
  }

  history(sessionId: string): History {
    const history = this.histories.get(sessionId);
    if (!history) throw new Error(`no session ${sessionId}`);
    return history;
  }

  /** Redis has published a payload. */
  published(channel: string, payload: Buffer): void {
    const history = this.#byChannel.get(channel);
    if (!history) return;
    const before = history.newest;
    if (!history.published(payload)) this.take(history, 'put back');
    else if (this.trace.isOn) {
      const added = history.kept.filter(({ seq }) => seq > before).map(({ seq, id }) => `${seq}=${id}`);
      this.note(`redis stores ${history.sessionId} ${added.join(' ')}`);
    }
  }

  /** The content of the store may have changed. */
  take(history: History, change: Change): void {
    const { epoch, newest } = history;
    history.take(this.#look(history.sessionId), change);
    if (!this.trace.isOn || (change === 'ended' && epoch === history.epoch && newest === history.newest)) return;
    const kept = history.kept.map(({ seq, id }) => `${seq}=${id}`).join(' ');
    this.note(`redis has ${history.sessionId} in ${history.epoch || 'no epoch'}, ${change}: ${kept}`);
  }

  wasTold(gateway: string, epoch: string): boolean {
    return this.#told.has(`${gateway} ${epoch}`);
  }

  /** Whether a gateway was told in time how long a session lives. @param ttl seconds */
  wasToldTtl(gateway: string, sessionId: string, ttl: number): boolean {
    if (this.#late.has(`${gateway} ${sessionId}`)) return false;
    return this.#told.has(`${gateway} ${sessionId} ${ttl}`);
  }

  /** A publish has reached a gateway. */
  heard(gateway: string, channel: string, payload: Buffer, lateMs: number): void {
    const history = this.#byChannel.get(channel);
    if (!history) return;
    this.#auditOwner(gateway, history, payload);
    this.#note(gateway, history.sessionId, newestOf(payload));
    if (lateMs > LATE_MS) this.#late.add(`${gateway} ${history.sessionId}`);
  }

  /** K7: what reaches a gateway was published in its own deployment. A stray publish has an epoch of nobody. */
  #auditOwner(gateway: string, { sessionId }: History, payload: Buffer): void {
    const other = this.neighbour?.histories.get(sessionId);
    const epoch = other && epochOf(payload);
    if (epoch && other?.knowsEpoch(epoch)) this.fail('K7', `${gateway} hears of ${epoch}, of another deployment`);
  }

  /** A command of a gateway runs that the gateway has given up. What it stores now is announced by nobody (F4). */
  forsaken(sessionId: string): void {
    this.#forsaken.add(`${sessionId} ${this.#scheduler.nowMs}`);
  }

  wasForsaken({ sessionId }: History, { atMs }: Stored): boolean {
    return this.#forsaken.has(`${sessionId} ${atMs}`);
  }

  /** Redis has answered a gateway. */
  answered(gateway: string, method: string, args: readonly unknown[], value: unknown): void {
    const sessionId = String(args[0]);
    if (method === 'append') this.#appended(args[1] as AppendRequest, value as AppendResult, this.history(sessionId));
    if (method === 'read') this.#read(gateway, sessionId, args, value as LogRead);
    if (this.trace.isOn && method === 'append') this.note(`${gateway} append ${sessionId} -> ${JSON.stringify(value)}`);
  }

  /** G3: what is stored follows the message that its sender has delivered last. */
  #appended({ position }: AppendRequest, result: AppendResult, history: History): void {
    if (!position?.epoch || result.outcome !== 'stored') return;
    const { epoch, seq, id } = position;
    const first = result.messages.find(({ duplicate }) => !duplicate)?.seq ?? Number.POSITIVE_INFINITY;
    if (result.epoch !== epoch) this.fail('G3', `an append from ${epoch} was stored in ${result.epoch}`);
    if (first <= seq) this.fail('G3', `an append after ${seq} was stored as ${first}`);
    // A number that is trimmed cannot be compared any more.
    const same = result.epoch === history.epoch && seq >= history.firstKept ? history.at(seq) : undefined;
    if (same && id !== '' && same.id !== id)
      this.fail('G3', `an append after ${id} was stored although ${seq} is ${same.id}`);
  }

  /** @param name of the connection, for messages */
  wire(gateway: string, name: string, request: ConnectRequest, protocol: WireProtocol): WireAudit {
    const sessionId = request.sessionId ?? '';
    const history = this.history(sessionId);
    const heard = () => this.#heard.get(`${gateway} ${sessionId}`) ?? 0;
    const { fail, tailsAreSmall } = this;
    const options = { name, request, history, heard, now: () => this.#scheduler.nowMs, fail, tailsAreSmall };
    return protocol === 'framed' ? new FramedWireAudit(options) : new PlainWireAudit(options);
  }

  #read(gateway: string, sessionId: string, args: readonly unknown[], { session, entries, ended }: LogRead): void {
    const [, range, epoch] = args;
    this.#note(gateway, sessionId, entries.at(-1)?.seq ?? 0);
    if (ended === 'deleted') this.#told.add(`${gateway} ${String(epoch)}`);
    // With this range a gateway asks how long the session lives.
    if (session && 'newest' in (range as object)) this.#told.add(`${gateway} ${sessionId} ${session.ttl}`);
  }

  #note(gateway: string, sessionId: string, seq: number): void {
    const key = `${gateway} ${sessionId}`;
    if (seq > (this.#heard.get(key) ?? 0)) this.#heard.set(key, seq);
  }
}

const NEWLINE = 0x0a;
/** A publish that takes longer was delayed by a fault. */
const LATE_MS = 20;

/** The epoch that a payload is about. */
function epochOf(payload: Buffer): string | undefined {
  const live = decodeLive(payload);
  if (live?.kind === 'stored') return live.before.epoch;
  return live?.kind === 'session' && 'epoch' in live.event ? live.event.epoch : undefined;
}

/** The newest number in a payload of stored messages; 0 in any other. */
function newestOf(payload: Buffer): number {
  if (payload.toString('latin1', 0, 2) !== 'm ') return 0;
  let lines = 0;
  for (let at = payload.indexOf(NEWLINE); at >= 0; at = payload.indexOf(NEWLINE, at + 1)) lines += 1;
  const [, , first] = payload.toString('latin1', 0, payload.indexOf(NEWLINE)).split(' ');
  return Number(first) + lines / 2 - 1;
}
