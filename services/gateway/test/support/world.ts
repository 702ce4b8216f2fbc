import { type Config, loadConfig } from '@holdfast/config';
import { MemoryBroker, MemoryFanOut } from '@holdfast/fan-out';
import { FRAMED_PROTOCOL } from '@holdfast/protocol';
import {
  BROADCAST_CHANNEL,
  encodeStored,
  liveChannel,
  MemoryOrders,
  ORDERS_CHANNEL,
  type OrderKind,
  orderKeepMs,
  storedFrame,
} from '@holdfast/session-store';
import { createLogger, createMetrics, type Metrics } from '@holdfast/telemetry';
import type { Refusal, UpgradeRequest } from '../../src/admission/admission.js';
import { type Acceptance, GatewayCore } from '../../src/gateway-core.js';
import { FakeClient } from './fake-client.js';
import { FaultyFanOut, FaultyLog, FaultyOrders } from './faults.js';
import { ManualClock } from './manual-clock.js';
import { RewindableStore } from './rewindable-store.js';

export interface ConnectOptions {
  plain?: boolean;
  /** Default: `redis_persistence=true`. */
  persistent?: boolean;
  client?: string;
  resume?: { lastSeq: number; lastId?: string; epoch?: string };
  query?: Record<string, string>;
  upgrade?: Partial<UpgradeRequest>;
}

export interface GatewayOptions {
  random?: () => number;
  prepare?: (gateway: GatewayInWorld) => void;
}

/** The upgrade request of a client that is no browser. */
export const UPGRADE: UpgradeRequest = {
  query: '',
  protocolHeader: '',
  origin: '',
  authorization: '',
  host: 'localhost',
  forwardedFor: '',
  forwardedHost: '',
  forwardedProto: '',
  excess: undefined,
  remoteAddress: '192.0.2.1',
};

/** Reads the settings; limits of bytes may be smaller than a deployment may have (B6), so that a test reaches them. */
function testConfig(env: Record<string, string>): Config {
  const { SESSION_MAX_BYTES, MESSAGE_MAX_BYTES, TAIL_BYTES, OUTAGE_BUFFER_BYTES, MAX_BACKPRESSURE_BYTES, ...others } =
    env;
  const config = loadConfig('gateway', others);
  const { sessions, memory } = config;
  return {
    ...config,
    sessions: {
      ...sessions,
      maxBytes: Number(SESSION_MAX_BYTES ?? sessions.maxBytes),
      messageMaxBytes: Number(MESSAGE_MAX_BYTES ?? sessions.messageMaxBytes),
    },
    memory: {
      tailBytes: Number(TAIL_BYTES ?? memory.tailBytes),
      outageBufferBytes: Number(OUTAGE_BUFFER_BYTES ?? memory.outageBufferBytes),
      maxBackpressureBytes: Number(MAX_BACKPRESSURE_BYTES ?? memory.maxBackpressureBytes),
    },
  };
}

function upgradeOf(sessionId: string, options: ConnectOptions): Partial<UpgradeRequest> {
  const { plain = false, persistent = true, client, resume, query = {}, upgrade = {} } = options;
  const fields = new URLSearchParams({ session: sessionId, redis_persistence: String(persistent), ...query });
  if (client !== undefined) fields.set('client', client);
  if (resume) {
    fields.set('last_seq', String(resume.lastSeq));
    if (resume.lastId !== undefined) fields.set('last_id', resume.lastId);
    if (resume.epoch !== undefined) fields.set('epoch', resume.epoch);
  }
  return { query: fields.toString(), protocolHeader: plain ? '' : FRAMED_PROTOCOL, ...upgrade };
}

/** One gateway of a {@link World}: all of it except the WebSocket library. */
export class GatewayInWorld {
  readonly log: FaultyLog;
  readonly fanOut: FaultyFanOut;
  readonly core: GatewayCore;
  readonly metrics: Metrics;
  readonly lines: Record<string, unknown>[] = [];
  readonly #config: Config;

  constructor(
    readonly world: World,
    env: Record<string, string>,
    random: () => number,
  ) {
    this.#config = testConfig(env);
    const identity = { service: 'gateway', color: 'blue', instance: 'test' } as const;
    const write = (line: string): void => {
      this.lines.push(JSON.parse(line) as Record<string, unknown>);
    };
    this.metrics = createMetrics(identity);
    this.log = new FaultyLog(world.store);
    this.fanOut = new FaultyFanOut(new MemoryFanOut(world.broker));
    this.core = new GatewayCore({
      config: this.#config,
      logger: createLogger({ ...identity, level: 'info', format: 'json', destination: { write } }),
      metrics: this.metrics,
      sessionLog: this.log,
      fanOut: this.fanOut,
      orders: new FaultyOrders(world.orders, this.log),
      clock: world.clock,
      // Appends are sent in the instant of the manual clock in which they are made.
      appendIntervalMs: 0,
      random,
    });
  }

  get counters(): Metrics['gateway']['counters'] {
    return this.metrics.gateway.counters;
  }

  /** Messages of the log's lines, oldest first. */
  get messages(): unknown[] {
    return this.lines.map((line) => line['msg']);
  }

  /** Of a gateway that asks for no tokens, which decides at once. */
  accept(upgrade: Partial<UpgradeRequest>): Refusal | Acceptance {
    const answer = this.core.accept({ ...UPGRADE, ...upgrade });
    if (answer instanceof Promise) throw new Error('the gateway asks for tokens');
    return answer;
  }

  /** From here on Redis does not answer this gateway, and nothing is delivered to it. */
  silence(): void {
    this.log.fate = () => 'silence';
    this.fanOut.beforePublish = () => Promise.reject(new Error('Command timed out'));
    this.fanOut.beforeSubscribe = this.fanOut.beforePublish;
    this.fanOut.hear = () => false;
  }

  /** Redis answers again, and the subscriptions are made anew (F4). */
  answer(): void {
    this.log.fate = () => 'works';
    this.fanOut.beforePublish = () => undefined;
    this.fanOut.beforeSubscribe = () => undefined;
    this.fanOut.hear = () => true;
    this.fanOut.interrupt();
  }

  /** Opens a connection; nothing has been answered yet. @throws {Error} when it is refused */
  dial(sessionId: string, options: ConnectOptions = {}): FakeClient {
    return this.#open(this.accept(upgradeOf(sessionId, options)));
  }

  /** The answer to an upgrade request at a gateway that asks for tokens. */
  async ask(upgrade: Partial<UpgradeRequest>): Promise<Refusal | Acceptance> {
    return this.core.accept({ ...UPGRADE, ...upgrade });
  }

  /** Opens a connection with a token, and lets it join. @throws {Error} when it is refused */
  async enter(sessionId: string, token: string, options: ConnectOptions = {}): Promise<FakeClient> {
    const client = this.#open(await this.ask({ ...upgradeOf(sessionId, options), authorization: `Bearer ${token}` }));
    await this.world.settle();
    return client;
  }

  #open(accepted: Refusal | Acceptance): FakeClient {
    if (!('open' in accepted)) throw new Error(`refused: ${JSON.stringify(accepted)}`);
    return new FakeClient(accepted, this.#config.memory.maxBackpressureBytes);
  }

  /** Opens a connection and lets it join. */
  async connect(sessionId: string, options: ConnectOptions = {}): Promise<FakeClient> {
    const client = this.dial(sessionId, options);
    await this.world.settle();
    return client;
  }
}

/** Gateways on one store in memory, with a clock that stands still until the test moves it. */
export class World {
  readonly clock = new ManualClock();
  readonly broker: MemoryBroker;
  readonly store: RewindableStore;
  readonly orders: MemoryOrders;
  readonly #gateways: GatewayInWorld[] = [];
  #nonces = 0;

  /** @param deliver when a publish reaches a subscriber; by default within the turn */
  constructor(
    options: {
      historyMax?: number;
      sessionMaxBytes?: number;
      ttl?: number;
      deliver?: (deliver: () => void) => void;
    } = {},
  ) {
    this.broker = new MemoryBroker(options.deliver);
    this.orders = new MemoryOrders(this.clock.now);
    this.store = new RewindableStore({
      live: this.broker,
      now: this.clock.now,
      nonce: () => {
        this.#nonces += 1;
        return `n${this.#nonces}`;
      },
      ...(options.historyMax === undefined ? {} : { historyMax: options.historyMax }),
      ...(options.sessionMaxBytes === undefined ? {} : { sessionMaxBytes: options.sessionMaxBytes }),
      ...(options.ttl === undefined ? {} : { defaultTtl: options.ttl }),
    });
  }

  /** Starts a gateway, after `prepare` has set it up. */
  gateway(env: Record<string, string> = {}, options: GatewayOptions = {}): GatewayInWorld {
    const gateway = new GatewayInWorld(this, env, options.random ?? (() => 0.5));
    this.#gateways.push(gateway);
    options.prepare?.(gateway);
    gateway.core.start();
    return gateway;
  }

  /** Redis goes away, and every gateway has noticed. */
  async silence(): Promise<void> {
    for (const gateway of this.#gateways) gateway.silence();
    await this.advance(1_000);
  }

  /** Redis is back, and every gateway has noticed. */
  async answer(): Promise<void> {
    for (const gateway of this.#gateways) gateway.answer();
    await this.advance(1_000);
  }

  settle(): Promise<void> {
    return this.clock.settle();
  }

  advance(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Stores and publishes messages as a back end does: without a position. */
  async append(sessionId: string, ...ids: string[]): Promise<void> {
    const messages = ids.map((id) => ({ id, senderKey: 'back-end', head: headOf(id) }));
    await this.store.append(sessionId, { messages });
  }

  /** Tells everybody something, as session-api does. */
  async broadcast(sent: { readonly id: string } & Record<string, unknown>): Promise<void> {
    await this.store.keepBroadcast(sent.id, JSON.stringify(sent));
    this.broker.publish(BROADCAST_CHANNEL, JSON.stringify(sent));
    await this.settle();
  }

  /** Orders something now, as session-api does. @param name `SUB`, `user SUB` or `session ID` */
  async order(kind: OrderKind, name: string, ms = this.clock.now()): Promise<void> {
    await this.orders.keep(kind, new Map([[name, ms]]), { keepMs: orderKeepMs(86_400)[kind] });
    this.broker.publish(ORDERS_CHANNEL, `${kind} ${name}`);
    await this.settle();
  }

  /** Publishes messages that no store has stored. */
  publishForged(sessionId: string, epoch: string, before: { seq: number; id: string }, ...ids: string[]): void {
    const lines = ids.map((id, index) => ({
      senderKey: 'forger',
      frame: storedFrame(before.seq + 1 + index, id, `${headOf(id)}${this.clock.now()}}`),
    }));
    this.broker.publish(liveChannel(sessionId), encodeStored({ epoch, ...before }, lines));
  }

  /** Ids of a session's messages in the store, oldest first. */
  async ids(sessionId: string): Promise<string[]> {
    const { entries } = await this.store.read(sessionId, { newest: 100_000, maxBytes: Number.POSITIVE_INFINITY });
    return entries.map((entry) => entry.id);
  }

  async epochOf(sessionId: string): Promise<string> {
    const session = await this.store.get(sessionId);
    if (!session) throw new Error(`there is no session ${sessionId}`);
    return session.epoch;
  }

  /** Closes every gateway. */
  async close(): Promise<void> {
    const closing = Promise.all(this.#gateways.map((gateway) => gateway.core.close()));
    await this.advance(5_000);
    await closing;
    for (const { metrics } of this.#gateways) metrics.close();
  }
}

/** The beginning of a message's frame, as gateways render it. */
export function headOf(content: string): string {
  return `"content":${JSON.stringify(content)},"sender":"someone","timestamp":`;
}
