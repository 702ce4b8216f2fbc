import type { FanOut, Listener } from '@holdfast/fan-out';
import type {
  AppendRequest,
  AppendResult,
  ForkRequest,
  ForkResult,
  HealRequest,
  HealResult,
  KeepOptions,
  LogRead,
  OpenOptions,
  OpenResult,
  OrderKind,
  OrderStore,
  Orders,
  ReadRange,
  SessionLog,
} from '@holdfast/session-store';
import { StorageUnavailableError } from '@holdfast/session-store';

type Method = keyof SessionLog | 'orders';

/** One call of the session log, as a test sees it. */
export interface LogCall {
  readonly method: Method;
  readonly sessionId: string;
  readonly request?: AppendRequest;
}

/**
 * What becomes of a call: it works; or the connection breaks before or after the call had its effect, so that its
 * outcome stays unknown; or nothing answers (D1); or it fails with an error.
 */
export type Fate = 'works' | 'lost before' | 'lost after' | 'silence' | Error;

/** A session log that fails when the test says so, and that records its calls. */
export class FaultyLog implements SessionLog {
  readonly calls: LogCall[] = [];
  /** Calls about orders of operators. */
  looks = 0;
  /** Decides about each call before it has its effect; a promise holds the call up. */
  fate: (call: LogCall) => Fate | Promise<Fate> = () => 'works';
  /** Runs after the effect, before the answer is given. */
  answered: (call: LogCall) => void | Promise<void> = () => undefined;

  /** @param log may be replaced: Redis comes back with fewer messages */
  constructor(public log: SessionLog) {}

  /** Calls of one method. */
  of(method: Method): LogCall[] {
    return this.calls.filter((call) => call.method === method);
  }

  open(sessionId: string, options?: OpenOptions): Promise<OpenResult | 'deleted' | 'gone'> {
    return this.#call({ method: 'open', sessionId }, () => this.log.open(sessionId, options));
  }

  append(sessionId: string, request: AppendRequest): Promise<AppendResult> {
    return this.#call({ method: 'append', sessionId, request }, () => this.log.append(sessionId, request));
  }

  read(sessionId: string, range: ReadRange, epoch?: string): Promise<LogRead> {
    return this.#call({ method: 'read', sessionId }, () => this.log.read(sessionId, range, epoch));
  }

  heal(sessionId: string, request: HealRequest): Promise<HealResult> {
    return this.#call({ method: 'heal', sessionId }, () => this.log.heal(sessionId, request));
  }

  fork(sessionId: string, request: ForkRequest): Promise<ForkResult> {
    return this.#call({ method: 'fork', sessionId }, () => this.log.fork(sessionId, request));
  }

  bury(sessionId: string, epoch: string, keepMs: number): Promise<boolean> {
    return this.#call({ method: 'bury', sessionId }, () => this.log.bury(sessionId, epoch, keepMs));
  }

  broadcast(id: string): Promise<string | undefined> {
    return this.#call({ method: 'broadcast', sessionId: '' }, () => this.log.broadcast(id));
  }

  leave(sessionId: string): Promise<void> {
    return this.#call({ method: 'leave', sessionId }, () => this.log.leave(sessionId));
  }

  async #call<T>(call: LogCall, run: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    const fate = await this.fate(call);
    if (fate instanceof Error) throw fate;
    if (fate === 'silence') throw new StorageUnavailableError('Command timed out');
    if (fate === 'lost before') throw new StorageUnavailableError('Connection is closed.');
    const answer = await run();
    await this.answered(call);
    if (fate === 'lost after') throw new StorageUnavailableError('Connection is closed.');
    return answer;
  }
}

/** Orders of operators in the same Redis as a log: they cannot be had while that does not answer. */
export class FaultyOrders implements OrderStore {
  readonly #orders: OrderStore;
  readonly #log: FaultyLog;

  constructor(orders: OrderStore, log: FaultyLog) {
    this.#orders = orders;
    this.#log = log;
  }

  keep(kind: OrderKind, orders: Orders, options: KeepOptions): Promise<boolean> {
    return this.#call(() => this.#orders.keep(kind, orders, options));
  }

  find(kind: OrderKind, names: readonly string[]): Promise<(number | undefined)[]> {
    return this.#call(() => this.#orders.find(kind, names));
  }

  page(kind: OrderKind, at: number): Promise<Orders> {
    return this.#call(() => this.#orders.page(kind, at));
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    this.#log.looks += 1;
    const fate = await this.#log.fate({ method: 'orders', sessionId: '' });
    if (fate !== 'works') throw new StorageUnavailableError('Command timed out');
    return run();
  }
}

/** A fan-out that loses, delays or refuses payloads when the test says so. */
export class FaultyFanOut implements FanOut {
  readonly #fanOut: FanOut;
  readonly #listeners = new Map<string, Listener>();
  readonly #interrupted: ((channels: readonly string[]) => void)[] = [];
  /** The session channels that are subscribed now. */
  readonly subscribed = new Set<string>();
  reconnects = 0;
  shards: readonly string[] = [''];
  shardOf: (channel: string) => string = () => '';
  /** Whether a payload that arrives is delivered; else it is lost. */
  hear: (channel: string, payload: Buffer) => boolean = () => true;
  /** Delivers each payload that was not lost; by default at once. Must keep their order. */
  arrive: (deliver: () => void) => void = (deliver) => deliver();
  /** Runs before each subscription. When it rejects, the subscription does. */
  beforeSubscribe: (channel: string) => Promise<void> | void = () => undefined;
  /** Runs before each publish. When it rejects, the publish does. */
  beforePublish: (channel: string) => Promise<void> | void = () => undefined;

  constructor(fanOut: FanOut) {
    this.#fanOut = fanOut;
  }

  connectedTo(shard: string): boolean {
    return this.#fanOut.connectedTo(shard);
  }

  async subscribe(channel: string, listener: Listener): Promise<void> {
    if (this.#listeners.has(channel)) throw new Error(`${channel} is subscribed already`);
    this.#listeners.set(channel, listener);
    try {
      await this.beforeSubscribe(channel);
      await this.#fanOut.subscribe(channel, (payload) => {
        if (this.hear(channel, payload)) this.arrive(() => this.#listeners.get(channel)?.(payload));
      });
    } catch (error) {
      this.#listeners.delete(channel);
      throw error;
    }
    if (channel.endsWith(':live')) this.subscribed.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#listeners.delete(channel);
    this.subscribed.delete(channel);
    await this.#fanOut.unsubscribe(channel);
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    await this.beforePublish(channel);
    return this.#fanOut.publish(channel, payload);
  }

  onInterrupted(listener: (channels: readonly string[]) => void): void {
    this.#interrupted.push(listener);
  }

  /** Tells the gateway that these channels were lost and are subscribed again (F4). */
  interrupt(channels: readonly string[] = [...this.#listeners.keys()]): void {
    for (const listener of this.#interrupted) listener(channels);
  }

  reconnect(_shard: string): void {
    this.reconnects += 1;
  }

  close(): Promise<void> {
    return this.#fanOut.close();
  }
}
