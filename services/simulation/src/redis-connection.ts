import type { Listener } from '@holdfast/fan-out';
import type { SeededRandom } from '@holdfast/testkit';
import { type Path, Pipe } from './pipe.js';
import type { RedisServer } from './redis-server.js';
import type { Scheduled, Scheduler } from './scheduler.js';
import type { SimProcess } from './sim-process.js';

export interface RedisConnectionOptions {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly server: RedisServer;
  /** The process whose connection it is. */
  readonly process: SimProcess;
  readonly path: Path;
  /** `REDIS_TIMEOUT_MS`: a command without answer rejects, and a connection that is silent as long is dropped. */
  readonly timeoutMs: number;
  readonly ready?: () => void;
  /** @param lateMs how long ago it was published */
  readonly heard?: (channel: string, payload: Buffer, lateMs: number) => void;
}

/** A command on its way, and back. */
interface Call {
  readonly run: (link: RedisLink) => unknown;
  readonly answer: (value: unknown) => void;
  readonly refuse: (error: Error) => void;
  isSettled: boolean;
  timer: Scheduled | undefined;
}

type FromServer =
  | { readonly kind: 'answer'; readonly call: Call; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly call: Call; readonly error: Error }
  | { readonly kind: 'published'; readonly channel: string; readonly payload: Buffer; readonly atMs: number };

/** One TCP connection, of which a {@link RedisConnection} has one after the other. */
export class RedisLink {
  readonly toServer: Pipe<Call | 'end'>;
  readonly toClient: Pipe<FromServer>;
  readonly calls = new Set<Call>();
  heardMs: number;
  /** Publishes of channels it has subscribed are lost with this probability. */
  lossRate = 0;
  /** This many of the next publishes are lost. */
  lossCount = 0;
  /** Nothing that is published arrives any more, and nobody notices. */
  isDeaf = false;
  readonly #subscribed = new Map<string, Listener>();
  readonly #options: RedisConnectionOptions;

  constructor(options: RedisConnectionOptions, received: (link: RedisLink, packet: FromServer) => void) {
    const { scheduler, path, process } = options;
    this.#options = options;
    this.heardMs = scheduler.nowMs;
    this.toServer = new Pipe(scheduler, path, (call) => this.#arrived(call));
    this.toClient = new Pipe(scheduler, path, (packet) => process.enter(() => received(this, packet)));
  }

  subscribe(channel: string): void {
    if (this.#subscribed.has(channel)) return;
    const listener: Listener = (payload) => this.#published(channel, payload);
    this.#subscribed.set(channel, listener);
    this.#options.server.broker.add(channel, listener);
  }

  unsubscribe(channel: string): void {
    const listener = this.#subscribed.get(channel);
    this.#subscribed.delete(channel);
    if (listener) this.#options.server.broker.remove(channel, listener);
  }

  /** The server notices that the connection is gone, or forgets what was subscribed. */
  forget(): void {
    for (const channel of [...this.#subscribed.keys()]) this.unsubscribe(channel);
  }

  #published(channel: string, payload: Buffer): void {
    if (this.lossCount > 0) this.lossCount -= 1;
    else if (!this.isDeaf && !(this.lossRate > 0 && this.#options.random.chance(this.lossRate)))
      this.toClient.send({ kind: 'published', channel, payload, atMs: this.#options.scheduler.nowMs });
  }

  #arrived(call: Call | 'end'): void {
    this.#options.server.execute(() => {
      if (call === 'end') this.forget();
      else void this.#carryOut(call);
    });
  }

  async #carryOut(call: Call): Promise<void> {
    try {
      this.toClient.send({ kind: 'answer', call, value: await call.run(this) });
    } catch (error) {
      this.toClient.send({ kind: 'refusal', call, error: error as Error });
    }
  }
}

/** Longest pause between two attempts to connect, as `@holdfast/redis-client` has it. */
const BACKOFF_MAX_MS = 1_000;

/**
 * A connection to Redis as `@holdfast/redis-client` makes them: commands are sent once, in order; each rejects at the
 * latest after its time-out, or when the connection is lost, and may have been carried out all the same, or be later.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions;
  #link: RedisLink | undefined;
  #attempts = 0;
  #isEnded = false;

  constructor(options: RedisConnectionOptions) {
    this.#options = options;
    this.#connect();
  }

  get isReady(): boolean {
    return this.#link !== undefined;
  }

  /** The open connection, for faults. */
  get link(): RedisLink | undefined {
    return this.#link;
  }

  /** @param run what the server does, as one step */
  request<T>(run: (link: RedisLink) => T): Promise<Awaited<T>> {
    const link = this.#link;
    if (!link) return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    const { scheduler, process, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const answer = (value: unknown) => resolve(value as Awaited<T>);
      const call: Call = { run, answer, refuse: reject, isSettled: false, timer: undefined };
      call.timer = scheduler.after(timeoutMs, () => process.enter(() => this.#timedOut(link, call)));
      link.calls.add(call);
      link.toServer.send(call);
    });
  }

  /** Gives the connection up from this side; what is on its way may still arrive. */
  drop(): void {
    const link = this.#leave();
    if (!link) return;
    for (const call of link.calls) this.#settle(link, call, new Error('Connection is closed.'));
    if (!this.#isEnded) this.#options.process.clock.setTimeout(() => this.#connect(), this.#backoffMs());
  }

  /** The connection breaks: what is on its way is lost, all but a part; either side notices in its own time. */
  cut(): void {
    const link = this.#link;
    if (!link) return;
    const { scheduler, random } = this.#options;
    if (random.chance(0.3)) link.toServer.hold(random.int(100, 2_500));
    link.toServer.cut(random.int(0, link.toServer.inFlight));
    scheduler.after(random.int(0, 400), () => link.forget());
    this.#breakOff(link);
  }

  /** The server's process has ended: what is on its way there is lost. */
  serverDied(): void {
    const link = this.#link;
    if (!link) return;
    link.toServer.cut(0);
    link.forget();
    this.#breakOff(link);
  }

  #breakOff(link: RedisLink): void {
    const { scheduler, random, process } = this.#options;
    link.toClient.cut(random.int(0, link.toClient.inFlight));
    scheduler.after(random.int(0, 200), () =>
      process.enter(() => {
        if (this.#link === link) this.drop();
      }),
    );
  }

  /** What is sent, and what is on its way, takes longer. */
  hold(ms: number): void {
    this.#link?.toServer.hold(ms);
  }

  /** Closes it for good. */
  end(): void {
    this.#isEnded = true;
    this.drop();
  }

  /** Its process has died: nobody is told. */
  die(): void {
    this.#isEnded = true;
    const link = this.#leave();
    for (const { timer } of link?.calls ?? []) if (timer) timer.run = undefined;
  }

  #leave(): RedisLink | undefined {
    const link = this.#link;
    if (!link) return undefined;
    const { scheduler, random } = this.#options;
    this.#link = undefined;
    link.toServer.send('end');
    link.toServer.cut(random.int(0, link.toServer.inFlight));
    link.toClient.cut(0);
    scheduler.after(random.int(0, 500), () => link.forget());
    return link;
  }

  #connect(): void {
    const { server, path, timeoutMs, process, scheduler } = this.#options;
    if (this.#isEnded) return;
    const reachable = !server.isStalled && !path.isHeld;
    // A server that does not answer is given the time-out, one that does, or refuses, two round trips.
    const waitMs = reachable ? path.delay() * 4 : timeoutMs;
    scheduler.after(waitMs, () =>
      process.enter(() => {
        if (this.#isEnded) return;
        if (reachable && !server.isDown) this.#connected();
        else process.clock.setTimeout(() => this.#connect(), this.#backoffMs());
      }),
    );
  }

  #connected(): void {
    this.#attempts = 0;
    this.#link = new RedisLink(this.#options, (link, packet) => this.#received(link, packet));
    this.#options.ready?.();
  }

  #backoffMs(): number {
    const longest = Math.min(BACKOFF_MAX_MS, 25 * 2 ** Math.min(++this.#attempts, 10));
    return longest / 2 + (longest / 2) * this.#options.random.next();
  }

  #received(link: RedisLink, packet: FromServer): void {
    if (this.#link !== link) return;
    link.heardMs = this.#options.scheduler.nowMs;
    if (packet.kind === 'published') this.#options.heard?.(packet.channel, packet.payload, link.heardMs - packet.atMs);
    else if (packet.kind === 'refusal') this.#settle(link, packet.call, packet.error);
    else if (this.#forgetCall(link, packet.call)) packet.call.answer(packet.value);
  }

  #timedOut(link: RedisLink, call: Call): void {
    const { scheduler, timeoutMs } = this.#options;
    this.#settle(link, call, new Error('Command timed out'));
    if (this.#link === link && link.heardMs <= scheduler.nowMs - timeoutMs) this.drop();
  }

  #settle(link: RedisLink, call: Call, error: Error): void {
    if (this.#forgetCall(link, call)) call.refuse(error);
  }

  #forgetCall(link: RedisLink, call: Call): boolean {
    if (call.isSettled) return false;
    call.isSettled = true;
    if (call.timer) call.timer.run = undefined;
    link.calls.delete(call);
    return true;
  }
}
