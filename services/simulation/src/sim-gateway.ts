import type { Config } from '@holdfast/config';
import { RedisFanOut } from '@holdfast/fan-out';
import { type Clock, GatewayCore, type Tail } from '@holdfast/gateway';
import { chooseProtocol, parseConnectQuery } from '@holdfast/protocol';
import type { Logger } from '@holdfast/telemetry';
import type { SeededRandom } from '@holdfast/testkit';
import type { Audit, WireAudit } from './audit.js';
import type { History } from './history.js';
import type { Accepted, Link, ServerEnd } from './link.js';
import type { Mutation } from './mutation.js';
import { Path } from './pipe.js';
import { quietMetrics } from './quiet-metrics.js';
import { fanOutClients, remoteSessionLog, SimPublisher, SimSubscriber } from './redis-clients.js';
import { RedisConnection } from './redis-connection.js';
import type { RedisDatabase } from './redis-database.js';
import type { RedisServer } from './redis-server.js';
import type { Scheduler } from './scheduler.js';
import { SimProcess } from './sim-process.js';
import { SocketGroups } from './socket-groups.js';

export interface SimGatewayOptions {
  /** Its name, which no other gateway of the run has or had. */
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly redis: RedisServer;
  readonly database: RedisDatabase;
  readonly config: Config;
  /** Whether it sends a message once to the group of a session's sockets. */
  readonly hasGroups: boolean;
  readonly logger: Logger;
  readonly audit: Audit;
  readonly mutation: Mutation;
  /** Called before the gateway's memory is lost. */
  readonly ending: (gateway: SimGateway) => void;
  /** Called when the last member of a session has left the gateway. */
  readonly left: (gateway: SimGateway, history: History) => void;
}

/** How long operations that a gateway has begun may take after its end. */
const AFTERMATH_MS = 2_500;

/** A gateway process: the core, its two connections to Redis, and its open links. */
export class SimGateway implements ServerEnd {
  readonly name: string;
  readonly process: SimProcess;
  readonly commands: RedisConnection;
  readonly subscriber: SimSubscriber;
  /** The network to Redis, which both connections share. */
  readonly path: Path;
  readonly links = new Map<Link, WireAudit>();
  readonly groups: SocketGroups | undefined;
  readonly startedMs: number;
  state: 'serving' | 'draining' | 'gone' = 'serving';
  readonly #core: GatewayCore;
  readonly #fanOut: RedisFanOut;
  readonly #options: SimGatewayOptions;
  #isClosing = false;
  #ids = 0;

  constructor(options: SimGatewayOptions) {
    const { name, scheduler, random, redis, database, config, audit, mutation } = options;
    this.#options = options;
    this.name = name;
    this.startedMs = scheduler.nowMs;
    if (options.hasGroups) this.groups = new SocketGroups();
    this.process = new SimProcess(scheduler, random.int(-2_000, 2_000));
    this.path = new Path(scheduler, random.fork('path'), 0.1, random.pick([0.2, 1, 3]));
    const shared = {
      scheduler,
      random,
      server: redis,
      process: this.process,
      path: this.path,
      timeoutMs: config.redis.timeoutMs,
    };
    this.commands = new RedisConnection(shared);
    this.subscriber = new SimSubscriber(shared, (channel, payload, lateMs) =>
      audit.heard(name, channel, payload, lateMs),
    );
    const clock = this.process.clock as unknown as Clock;
    const clients = fanOutClients(this.subscriber, new SimPublisher(this.commands, redis));
    this.#fanOut = new RedisFanOut({ ...clients, defer: (callback) => clock.defer(callback) });
    const log = remoteSessionLog(
      this.commands,
      database,
      (method, args, value) => audit.answered(name, method, args, value),
      (sessionId) => audit.forsaken(sessionId),
    );
    this.#core = new GatewayCore({
      config,
      logger: options.logger,
      metrics: quietMetrics(),
      sessionLog: mutation.sessionLog?.(log) ?? log,
      fanOut: mutation.fanOut?.(this.#fanOut) ?? this.#fanOut,
      clock: mutation.clock?.(clock) ?? clock,
      random: random.fork('core').next,
      newId: () => `${name}-${++this.#ids}`,
      ...(this.groups ? { publishToGroup: this.groups.publish } : {}),
    });
    audit.note(`${name} starts`);
    this.#core.start();
  }

  accept(link: Link): Accepted | undefined {
    const { audit, mutation } = this.#options;
    const parsed = parseConnectQuery(link.query);
    const protocol = chooseProtocol(link.protocolHeader);
    if (!parsed.ok || !protocol) throw new Error(`a client connects with ${link.query}`);
    const acceptance = this.#core.accept({
      query: mutation.query?.(link.query) ?? link.query,
      protocolHeader: link.protocolHeader,
      origin: '',
      authorization: '',
      host: 'localhost',
      forwardedFor: '',
      forwardedHost: '',
      forwardedProto: '',
      excess: undefined,
      remoteAddress: '127.0.0.1',
    });
    audit.note(`${this.name} ${'open' in acceptance ? 'accepts' : 'refuses'} ${link.name} ${link.query}`);
    if (!('open' in acceptance)) return undefined;
    const wire = audit.wire(this.name, `${link.name} on ${this.name}`, parsed.request, protocol);
    this.links.set(link, wire);
    return {
      open: (socket) => acceptance.open(mutation.socket?.(socket) ?? socket),
      sent: (text) => {
        audit.note(`${this.name} to ${link.name}: ${text}`);
        wire.sent(text);
      },
    };
  }

  /** The tail of a session, if it can be relied on. */
  tailOf(sessionId: string): Tail | undefined {
    return this.state === 'gone' || this.#isClosing || !this.process.alive
      ? undefined
      : this.#core.rooms.get(sessionId)?.delivered.tail;
  }

  /** Whether it works in memory, or is not sure that it gets publishes. */
  get isInMemory(): boolean {
    return this.#core.readiness()['storage'] !== 'redis';
  }

  /** Whether messages of a session wait for an epoch that the gateway does not know. */
  holdsUnplaced(sessionId: string): boolean {
    const room = this.#core.rooms.get(sessionId);
    return room !== undefined && !room.delivered.position?.epoch && !room.queue.isEmpty;
  }

  hasMembers(history: History): boolean {
    for (const wire of this.links.values()) if (wire.history === history) return true;
    return false;
  }

  gone(link: Link): void {
    const history = this.links.get(link)?.history;
    this.links.delete(link);
    this.groups?.leave(link);
    if (history && !this.hasMembers(history)) this.#options.left(this, history);
    this.#options.audit.note(`${this.name} and ${link.name} part`);
  }

  /** Kills it. @param clientNoticesMs when the client of each link notices; absent: the machine has died as well */
  kill(clientNoticesMs: () => number | undefined): void {
    const { audit, random } = this.#options;
    if (this.state === 'gone') return;
    audit.note(`${this.name} is killed`);
    this.#options.ending(this);
    this.state = 'gone';
    this.process.kill();
    for (const link of this.links.keys()) link.serverDied(random.int(0, 3), clientNoticesMs());
    this.links.clear();
    this.commands.die();
    this.subscriber.connection.die();
  }

  /** Drains and closes it, as SIGTERM does. */
  async stop(): Promise<void> {
    const { audit } = this.#options;
    if (this.state !== 'serving') return;
    audit.note(`${this.name} drains`);
    this.state = 'draining';
    await this.#core.drain();
    await this.#close();
  }

  /** Closes it at once, at the end of a run. */
  async end(): Promise<void> {
    if (this.state === 'gone') return;
    if (this.state === 'serving') await this.#close();
  }

  async #close(): Promise<void> {
    const { audit, scheduler } = this.#options;
    this.#options.ending(this);
    this.#isClosing = true;
    await this.#core.close();
    await this.#fanOut.close();
    this.commands.end();
    this.state = 'gone';
    audit.note(`${this.name} has closed`);
    if (this.links.size > 0) audit.fail('B3', `${this.name} has closed and left ${this.links.size} sockets open`);
    scheduler.after(AFTERMATH_MS, () => {
      const { pending } = this.process.clock;
      if (this.process.alive && pending > 0) audit.fail('close', `${this.name} has closed and left ${pending} timers`);
      this.process.kill();
    });
  }
}
