import { randomUUID } from 'node:crypto';
import type { Config } from '@holdfast/config';
import { CLOSE, FRAMED_PROTOCOL } from '@holdfast/protocol';
import type { Metrics, Readiness } from '@holdfast/telemetry';
import { Admission, type Admitted, isRefusal, type Refusal, type UpgradeRequest } from './admission/admission.js';
import { Authentication } from './admission/authentication.js';
import { Welcomer } from './admission/welcomer.js';
import { Connection, type ConnectionContext } from './connection/connection.js';
import { Drain } from './connection/drain.js';
import { FrameHandler } from './connection/frame-handler.js';
import { HeartbeatWheel } from './connection/heartbeat-wheel.js';
import { compactCopy, identify } from './connection/identity.js';
import { MessageIntake, UnstoredCounts } from './connection/message-intake.js';
import { TokenWatch } from './connection/token-watch.js';
import { createContext, type GatewayDependencies } from './gateway-parts.js';
import { Operators } from './operators.js';
import { type Clock, systemClock, type Timer } from './ports/clock.js';
import type { Socket, SocketEvents } from './ports/socket.js';
import type { GatewayContext } from './rooms/gateway-context.js';
import { Rooms } from './rooms/rooms.js';

/** An upgrade request that is accepted. The WebSocket server calls {@link open} once the socket is open. */
export interface Acceptance {
  /** Value of the answer's `Sec-WebSocket-Protocol`; empty: the answer has none. */
  readonly subprotocol: string;
  open(socket: Socket): SocketEvents;
  /** The client has gone before its socket was open. */
  abandon(): void;
}

/** What an upgrade request is answered with. */
export type Answer = Refusal | Acceptance;

const TICK_MS = 1_000;
/** Closing waits this long for messages that are on their way into the log. */
const FLUSH_MS = 3_000;

/**
 * A gateway without its WebSocket library and its process: builds the parts, wires them, and takes a connection from
 * its upgrade request to its end. Tests and the simulation run it on sockets, clocks and stores of their own.
 *
 * The order of calls: `start`, then `accept` at any time, `drain` if members are to move away first, `close`.
 */
export class GatewayCore {
  /** Public for the simulation, which compares what rooms have in memory. */
  readonly rooms: Rooms;
  readonly #config: Config;
  readonly #newId: () => string;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #context: GatewayContext;
  /** Of sessions without persistence. */
  readonly #counts: UnstoredCounts;
  /** Undefined where nobody is asked for a token, as is the next. */
  readonly #authentication: Authentication | undefined;
  readonly #tokens: TokenWatch | undefined;
  readonly #admission: Admission;
  readonly #load: GatewayDependencies['load'];
  readonly #operators: Operators;
  readonly #welcomer: Welcomer;
  readonly #connectionContext: ConnectionContext;
  /** All open connections, from the upgrade to the close event. */
  readonly #connections: HeartbeatWheel<Connection>;
  #ticker: Timer | undefined;
  /** Made by the first {@link drain}. */
  #drain: Drain | undefined;
  #closed: Promise<void> | undefined;

  constructor({
    config,
    logger,
    metrics,
    sessionLog,
    fanOut,
    clock = systemClock,
    random = Math.random,
    newId = () => compactCopy(randomUUID()),
    appendIntervalMs = 1,
    publishToGroup,
    load,
    orders,
  }: GatewayDependencies) {
    this.#load = load;
    this.#config = config;
    this.#newId = newId;
    this.#metrics = metrics;
    this.#clock = clock;
    const parts = { config, logger, metrics, sessionLog, fanOut, clock, random, newId };
    this.#context = createContext({ ...parts, appendIntervalMs, publishToGroup });
    this.rooms = new Rooms(this.#context);
    this.#counts = new UnstoredCounts(config.sessions.ttl * 1000);
    this.#connections = new HeartbeatWheel(clock, config.sessions.heartbeatMs);
    this.#operators = new Operators({ config, context: this.#context, orders, connections: this.#connections });
    const { revokedBefore } = this.#operators;
    this.#authentication = config.auth && new Authentication(config.auth, clock, logger, revokedBefore);
    this.#tokens = this.#authentication && new TokenWatch(clock, this.#authentication.verify, revokedBefore);
    this.#admission = new Admission({
      ...config.limits,
      ...config,
      resources: load,
      authentication: this.#authentication,
      now: () => clock.monotonic(),
      newId,
    });
    this.#welcomer = new Welcomer({
      config,
      context: this.#context,
      rooms: this.rooms,
      admission: this.#admission,
    });
    const limits = {
      maxMessageBytes: config.sessions.messageMaxBytes,
      maxBackpressureBytes: config.memory.maxBackpressureBytes,
      framesPerSecond: config.limits.messagesPerSecond,
    };
    this.#connectionContext = {
      clock,
      metrics: metrics.gateway,
      frames: new FrameHandler({
        clock,
        intake: new MessageIntake(this.#context, this.#counts),
        tokens: this.#tokens,
        ...limits,
      }),
      limits,
      ended: (connection, code) => this.#ended(connection, code),
    };
  }

  /** Starts heartbeats, canaries, the subscription to broadcasts, and the tick. */
  start(): void {
    this.#connections.start();
    this.#context.shards.start();
    this.#tick();
    this.#operators.start();
    this.#authentication?.start();
  }

  /** Decides about an upgrade request (C2–C4); at once where nobody is asked for a token. */
  accept(upgrade: UpgradeRequest): Answer | Promise<Answer> {
    const decision = this.#admission.decide(upgrade);
    return decision instanceof Promise ? decision.then((made) => this.#answer(made)) : this.#answer(decision);
  }

  #answer(decision: Admitted | Refusal): Answer {
    if (isRefusal(decision)) {
      this.#metrics.gateway.refused(decision.status);
      return decision;
    }
    return {
      subprotocol: decision.protocol === 'framed' ? FRAMED_PROTOCOL : '',
      open: (socket) => this.#open(socket, decision),
      abandon: () => {
        this.#admission.welcomed(decision.request);
        this.#admission.left(decision.address, decision.identity?.sub);
      },
    };
  }

  /**
   * The JSON of `/readyz`. A gateway is ready without Redis, because chat goes on in memory (D1); not while it drains, nor
   * while it has been refusing everybody for some time (B7).
   */
  readiness(): Readiness {
    const { draining } = this.#admission;
    const { shards } = this.#context;
    const { full = false, ...load } = this.#load?.readiness() ?? {};
    return {
      ready: !draining && !full,
      ...load,
      storage: shards.away || !shards.heard ? 'memory' : 'redis',
      roomsInMemory: this.rooms.inMemory,
      canaryAgeMs: Math.round(shards.canaryAgeMs),
      draining,
      connections: this.#connections.size,
    };
  }

  /**
   * Sends the members away over `DRAIN_SECONDS` (B3). A second call closes the members that are left at once.
   *
   * @returns resolves when none is left
   */
  drain(): Promise<void> {
    if (this.#drain) this.#drain.closeRemaining();
    else {
      this.#admission.draining = true;
      this.#metrics.gateway.gauges.drainState = 'draining';
      this.#drain = new Drain({
        clock: this.#clock,
        drainMs: this.#config.drainSeconds * 1000,
        random: this.#context.random,
        connections: this.#connections,
        countOf: (connection) => this.#countOf(connection),
      });
      this.#drain.start();
    }
    return this.#drain.finished;
  }

  /**
   * Closes the connections that are left, stores what waits as far as {@link FLUSH_MS} allows, and stops every timer
   * and subscription. Later calls give the first one's promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    this.#admission.draining = true;
    this.#connections.stop();
    this.#context.shards.stop();
    this.#clock.clearTimeout(this.#ticker);
    this.#operators.stop();
    this.#authentication?.close();
    this.#tokens?.stop();
    for (const connection of [...this.#connections]) connection.close(CLOSE.restart);
    await this.rooms.flush(FLUSH_MS);
    this.rooms.dispose();
    this.#context.publishWatch.stop();
    this.#metrics.gateway.gauges.drainState = 'drained';
  }

  #open(socket: Socket, { protocol, request, identity, sessionId: asked, address }: Admitted): SocketEvents {
    const { redisPersistence: persistent, presence, client } = request;
    // All members of a session share the room's own copy of its id.
    const sessionId = this.rooms.get(asked)?.sessionId ?? compactCopy(asked);
    const terms = { sessionId, protocol, persistent, presence, address };
    const names = identify(this.#newId(), client, identity?.sub);
    const connection = new Connection(socket, this.#connectionContext, terms, names);
    if (identity) this.#tokens?.watch(connection, identity);
    this.#connections.add(connection);
    this.#metrics.gateway.connected(protocol, persistenceOf(connection));
    this.#welcomer.begin(connection, request);
    return connection;
  }

  #ended(connection: Connection, code: number): void {
    this.#connections.delete(connection);
    this.#tokens?.forget(connection);
    this.#admission.left(connection.address, connection.expirySecond > 0 ? connection.sender : undefined);
    this.#metrics.gateway.disconnected(connection.protocol, persistenceOf(connection), code);
    this.#welcomer.ended(connection);
    this.#drain?.connectionEnded();
  }

  /** The message count of a connection's session (P4). */
  #countOf(connection: Connection): number {
    return connection.persistent
      ? (connection.room?.delivered.seq ?? 0)
      : this.#counts.of(connection.sessionId, this.#clock.now());
  }

  /** What has to be looked at about once a second: rooms, memory, metrics. */
  #tick(): void {
    const { gauges } = this.#metrics.gateway;
    const { tailBudget, historyPages } = this.#context;
    this.rooms.tick();
    historyPages.dropUnread();
    this.#counts.sweep(this.#clock.now());
    gauges.rooms = this.rooms.size;
    gauges.roomsInMemory = this.rooms.inMemory;
    // While Redis is away nothing is dropped for its age: Redis may come back without it (G2).
    if (gauges.roomsInMemory === 0) tailBudget.dropAged();
    gauges.tailBytes = tailBudget.bytes;
    gauges.tailReachSeconds = tailBudget.reachMs / 1000;
    gauges.historyPageBytes = historyPages.bytes;
    gauges.unstoredBytes = this.#context.unstored.used;
    gauges.canaryAgeSeconds = this.#context.shards.canaryAgeMs / 1000;
    gauges.membersLeft = this.#drain ? this.#connections.size : 0;
    this.#ticker = this.#clock.setTimeout(() => this.#tick(), TICK_MS);
  }
}

function persistenceOf({ persistent }: Connection): 'redis' | 'none' {
  return persistent ? 'redis' : 'none';
}
