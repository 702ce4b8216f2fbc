import { randomUUID } from 'node:crypto';
import type { Config } from '@holdfast/config';
import { BROADCAST_CHANNEL, type FanOut } from '@holdfast/fan-out';
import { CLOSE, FRAMED_PROTOCOL } from '@holdfast/protocol';
import type { SessionLog } from '@holdfast/session-store';
import type { Logger, Metrics, Readiness } from '@holdfast/telemetry';
import { Admission, type Admitted, isRefusal, type Refusal, type UpgradeRequest } from './admission.js';
import { Canary } from './canary.js';
import { type Clock, systemClock, type Timer } from './clock.js';
import { Connection, type ConnectionHost } from './connection.js';
import { Deletions } from './deletions.js';
import { Drain } from './drain.js';
import { Gathering } from './gathering.js';
import { Heartbeats } from './heartbeats.js';
import { identify } from './identity.js';
import { MessageIntake } from './message-intake.js';
import { readBroadcast } from './read-broadcast.js';
import { Reporter } from './reporter.js';
import { ByteBudget, HISTORY_CHUNK_BYTES, type RoomContext } from './room-context.js';
import { type Joined, Rooms } from './rooms.js';
import type { PublishToGroup, Socket, SocketEvents } from './socket.js';
import { StorageWatch } from './storage-watch.js';
import { TailBudget } from './tail.js';
import { UnstoredCounts } from './unstored-counts.js';
import { welcome } from './welcome.js';

export interface GatewayDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sessionLog: SessionLog;
  readonly fanOut: FanOut;
  readonly clock?: Clock;
  /** From 0 up to 1. */
  readonly random?: () => number;
  /** Makes names that nobody else makes, of the characters of C2. */
  readonly newId?: () => string;
  /** What sockets that can be grouped are sent through; absent: each is sent its frames by itself. */
  readonly publishToGroup?: PublishToGroup;
  /** Appends are sent at most this often, milliseconds (A2). Default 1. */
  readonly gatherMs?: number;
}

/** A connection that may open: what the WebSocket server needs to go on with it. */
export interface Acceptance {
  /** What `Sec-WebSocket-Protocol` answers; empty: nothing. */
  readonly subprotocol: string;
  open(socket: Socket): SocketEvents;
}

const TICK_MS = 1_000;
/** How long closing waits for messages that are on their way into the log. */
const FLUSH_MS = 3_000;

/** A gateway apart from the WebSocket library and the process: admission, connections, rooms, drain. */
export class GatewayCore {
  readonly rooms: Rooms;
  readonly #config: Config;
  readonly #newId: () => string;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #fanOut: FanOut;
  readonly #context: RoomContext;
  readonly #counts: UnstoredCounts;
  readonly #admission: Admission;
  readonly #heartbeats: Heartbeats;
  readonly #canary: Canary;
  readonly #host: ConnectionHost;
  readonly #connections = new Set<Connection>();
  #ticker: Timer | undefined;
  /** Tries again to listen for broadcasts. */
  #listenTimer: Timer | undefined;
  #listening = false;
  #drain: { readonly run: Drain; readonly empty: Promise<void> } | undefined;
  #closed: Promise<void> | undefined;

  constructor({
    config,
    logger,
    metrics,
    sessionLog,
    fanOut,
    clock = systemClock,
    random = Math.random,
    newId = randomUUID,
    gatherMs = 1,
    publishToGroup,
  }: GatewayDependencies) {
    this.#config = config;
    this.#newId = newId;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#fanOut = fanOut;
    this.#context = {
      log: sessionLog,
      fanOut,
      clock,
      logger,
      reporter: new Reporter(logger),
      deletions: new Deletions(clock, config.sessions.ttl * 1000),
      storage: new StorageWatch({ logger, metrics: metrics.redis, clock, sharded: config.redis.mode === 'cluster' }),
      metrics: metrics.gateway,
      gathering: new Gathering(clock, gatherMs),
      tailBudget: new TailBudget(config.memory.tailBytes),
      unstored: new ByteBudget(config.memory.outageBufferBytes),
      publishToGroup,
      maxBackpressureBytes: config.memory.maxBackpressureBytes,
      historyMax: config.sessions.historyMax,
      historyChunkBytes: Math.min(HISTORY_CHUNK_BYTES, config.memory.maxBackpressureBytes),
      random,
    };
    this.rooms = new Rooms(this.#context);
    this.#counts = new UnstoredCounts(config.sessions.ttl * 1000);
    this.#admission = new Admission({ ...config.limits, ...config }, clock.monotonic());
    this.#heartbeats = new Heartbeats(clock, config.sessions.heartbeatMs);
    this.#canary = new Canary({ fanOut, clock, storage: this.#context.storage, name: newId() });
    this.#host = this.#makeHost();
  }

  /** Begins what runs by itself. */
  start(): void {
    this.#heartbeats.start();
    this.#canary.start();
    this.#tick();
    this.#listenForBroadcasts();
  }

  /** Decides about an upgrade request (C2–C4). */
  accept(upgrade: UpgradeRequest): Refusal | Acceptance {
    const decision = this.#admission.decide(upgrade, this.#clock.monotonic());
    if (isRefusal(decision)) {
      this.#metrics.gateway.refused(decision.status);
      return decision;
    }
    const subprotocol = decision.protocol === 'framed' ? FRAMED_PROTOCOL : '';
    return { subprotocol, open: (socket) => this.#open(socket, decision) };
  }

  readiness(): Readiness {
    const { draining } = this.#admission;
    return {
      ready: !draining,
      storage: this.#context.storage.away || !this.#canary.alive ? 'memory' : 'redis',
      canaryAgeMs: Math.round(this.#canary.ageMs),
      draining,
      connections: this.#connections.size,
    };
  }

  /** Sends the members away over `DRAIN_SECONDS` (B3). A second call closes those that are left at once. */
  drain(): Promise<void> {
    if (this.#drain) this.#drain.run.hurry();
    else {
      this.#admission.draining = true;
      this.#metrics.gateway.gauges.drainState = 'draining';
      const run = new Drain({
        clock: this.#clock,
        drainMs: this.#config.drainSeconds * 1000,
        random: this.#context.random,
        connections: this.#connections,
        countOf: (connection) => this.#countOf(connection),
      });
      this.#drain = { run, empty: run.start() };
    }
    return this.#drain.empty;
  }

  /** Drops what is left and gives back everything. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    this.#admission.draining = true;
    this.#heartbeats.stop();
    this.#canary.stop();
    this.#context.storage.stop();
    this.#clock.clearTimeout(this.#ticker);
    this.#stopListening();
    for (const connection of [...this.#connections]) connection.close(CLOSE.restart);
    await this.rooms.flush(FLUSH_MS);
    this.rooms.dispose();
    this.#metrics.gateway.gauges.drainState = 'drained';
  }

  #makeHost(): ConnectionHost {
    const intake = new MessageIntake(this.#context, this.#counts);
    const { counters } = this.#metrics.gateway;
    return {
      clock: this.#clock,
      maxMessageBytes: this.#config.sessions.messageMaxBytes,
      maxBackpressureBytes: this.#config.memory.maxBackpressureBytes,
      messagesPerSecond: this.#config.limits.messagesPerSecond,
      send: (connection, room, message) => intake.send(connection, room, message),
      signal: (connection, room, frame) => intake.signal(connection, room, frame),
      errorSent: (code) => this.#metrics.gateway.errorSent(code),
      messageArrived: () => {
        counters.messagesIn += 1;
      },
      messageRefused: () => {
        counters.refused += 1;
      },
      tooSlow: () => {
        counters.backpressureCloses += 1;
      },
    };
  }

  #open(socket: Socket, { protocol, request, address }: Admitted): SocketEvents {
    const sessionId = request.sessionId ?? this.#newId();
    const identity = identify(this.#newId(), request.client);
    const connection = new Connection(socket, this.#host, sessionId, protocol, request, identity);
    const persistence = connection.persistent ? 'redis' : 'none';
    this.#connections.add(connection);
    this.#metrics.gateway.connected(protocol, persistence);
    void this.#join(connection);
    return {
      message: (data, isBinary) => connection.receive(data, isBinary),
      drained: () => connection.drained(),
      closed: (code) => {
        connection.ended();
        this.#connections.delete(connection);
        this.#heartbeats.remove(connection);
        this.#admission.left(address);
        this.#metrics.gateway.disconnected(protocol, persistence, code);
        this.rooms.leave(connection, sessionId);
        this.#drain?.run.checkEmpty();
      },
    };
  }

  async #join(connection: Connection): Promise<void> {
    try {
      const joined = await this.rooms.join(connection, connection.sessionId, connection.request.resume);
      if (connection.closed) return;
      if (joined) this.#admit(connection, joined);
      else connection.close(CLOSE.sessionDeleted);
    } catch (error) {
      this.#context.storage.failed(error);
      connection.close(CLOSE.overloaded);
    }
  }

  /** In one step: the welcome, whatever history follows it, and live messages from then on (R1, F7). */
  #admit(connection: Connection, { room, plan, late = false }: Joined): void {
    const { sessions, color } = this.#config;
    connection.tell(
      welcome(connection, room, {
        recovered: plan.recovered,
        late,
        color,
        heartbeatMs: sessions.heartbeatMs,
        maxMessageBytes: sessions.messageMaxBytes,
        serverTime: this.#clock.now(),
      }),
    );
    if (late) room.audience.attachLate(connection);
    else if (plan.from === undefined) room.audience.attach(connection);
    else room.audience.attachAfterHistory(connection, plan.from);
    this.#heartbeats.add(connection);
    connection.joined(room);
  }

  #countOf(connection: Connection): number {
    return connection.persistent ? (connection.room?.seq ?? 0) : this.#counts.of(connection.sessionId);
  }

  #tick(): void {
    const { gauges } = this.#metrics.gateway;
    this.rooms.tick();
    this.#counts.sweep(this.#clock.now());
    gauges.rooms = this.rooms.size;
    gauges.tailBytes = this.#context.tailBudget.bytes;
    gauges.unstoredBytes = this.#context.unstored.used;
    gauges.canaryAgeSeconds = this.#canary.ageMs / 1000;
    gauges.membersLeft = this.#drain ? this.#connections.size : 0;
    this.#ticker = this.#clock.setTimeout(() => this.#tick(), TICK_MS);
  }

  /** Tries until it is subscribed: a gateway also starts while Redis is away (D1). */
  #listenForBroadcasts(): void {
    this.#fanOut
      .subscribe(BROADCAST_CHANNEL, (payload) => this.#broadcast(payload))
      .then(
        () => {
          this.#listening = true;
          this.#context.storage.worked();
          if (this.#closed) this.#stopListening();
        },
        (error: unknown) => {
          this.#context.storage.failed(error);
          if (!this.#closed) this.#listenTimer = this.#clock.setTimeout(() => this.#listenForBroadcasts(), TICK_MS);
        },
      );
  }

  #stopListening(): void {
    this.#clock.clearTimeout(this.#listenTimer);
    if (!this.#listening) return;
    this.#fanOut.unsubscribe(BROADCAST_CHANNEL).catch((error: unknown) => {
      this.#context.storage.failed(error);
    });
  }

  #broadcast(payload: Buffer): void {
    const frame = readBroadcast(payload);
    if (!frame) return this.#context.logger.warn('Payload on the broadcast channel cannot be read');
    for (const connection of this.#connections) connection.tell(frame);
  }
}
