import type { Listener } from '@holdfast/fan-out';
import { backoffMs } from '@holdfast/redis-client';
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
  /**
   * `REDIS_TIMEOUT_MS`: a command without an answer rejects, and a connection that is silent for this long is dropped.
   */
  readonly timeoutMs: number;
  readonly ready?: () => void;
  /** A subscribed channel got a payload. @param lateMs how many milliseconds ago it was published */
  readonly heard?: (channel: string, payload: Buffer, lateMs: number) => void;
}

/** A command, until its answer has arrived. */
interface Call {
  readonly run: (link: RedisLink, isAwaited: boolean) => unknown;
  readonly answer: (value: unknown) => void;
  readonly refuse: (error: Error) => void;
  isSettled: boolean;
  timer: Scheduled | undefined;
}

type FromServer =
  | { readonly kind: 'answer'; readonly call: Call; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly call: Call; readonly error: Error }
  | { readonly kind: 'published'; readonly channel: string; readonly payload: Buffer; readonly atMs: number };

/** A TCP connection. A {@link RedisConnection} makes one after the other. */
export class RedisLink {
  readonly toServer: Pipe<Call | 'end'>;
  readonly toClient: Pipe<FromServer>;
  readonly calls = new Set<Call>();
  heardMs: number;
  /** Probability with which a publish on a subscribed channel is lost. */
  lossRate = 0;
  /** How many of the next publishes are lost. */
  lossCount = 0;
  /** Whether no publish arrives any more, without anybody noticing. */
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

  /** The server notices that the connection is gone, or loses its subscriptions. */
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
      this.toClient.send({ kind: 'answer', call, value: await call.run(this, !call.isSettled) });
    } catch (error) {
      this.toClient.send({ kind: 'refusal', call, error: error as Error });
    }
  }
}

/**
 * A connection to Redis as `@holdfast/redis-client` makes them. Commands are sent once and in order. A command rejects
 * after the time-out, or when the connection is lost, although Redis may have run it or may still run it.
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

  /** Sends a command. @param run what the server does, in one step; is told whether anybody still waits for the answer */
  request<T>(run: (link: RedisLink, isAwaited: boolean) => T): Promise<Awaited<T>> {
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

  /** Gives the connection up on this side. Commands that are on their way may still arrive. */
  drop(): void {
    const link = this.#leave();
    if (!link) return;
    for (const call of link.calls) this.#settle(link, call, new Error('Connection is closed.'));
    if (!this.#isEnded) this.#options.process.clock.setTimeout(() => this.#connect(), this.#backoffMs());
  }

  /** The connection breaks: a part of what is on its way is lost. Each side notices after its own time. */
  cut(): void {
    const link = this.#link;
    if (!link) return;
    const { scheduler, random } = this.#options;
    if (random.chance(0.3)) link.toServer.hold(random.int(100, 2_500));
    link.toServer.cut(random.int(0, link.toServer.inFlight));
    scheduler.after(random.int(0, 400), () => link.forget());
    this.#breakOff(link);
  }

  /** The server's process has ended: commands that are on their way are lost. */
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

  /** Delays commands, including those that are on their way. */
  hold(ms: number): void {
    this.#link?.toServer.hold(ms);
  }

  /** Closes it for good. */
  end(): void {
    this.#isEnded = true;
    this.drop();
  }

  /** The process of the connection has died: its commands are not settled. */
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
    // Two round trips if the server answers or refuses, otherwise the time-out.
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
    this.#attempts += 1;
    return backoffMs(this.#attempts, this.#options.random.next);
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
