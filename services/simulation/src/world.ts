import type { Config } from '@holdfast/config';
import type { Position } from '@holdfast/protocol';
import { type ForkRequest, type Names, namesOf } from '@holdfast/session-store';
import type { Logger } from '@holdfast/telemetry';
import type { SeededRandom } from '@holdfast/testkit';
import { Audit } from './audit.js';
import type { Dial } from './client-socket.js';
import { FramedMember, type MemberOptions } from './framed-member.js';
import type { History } from './history.js';
import { LargeMessages } from './large-messages.js';
import { Link } from './link.js';
import { CHANGE_BY, Losses } from './losses.js';
import type { Mutation } from './mutation.js';
import { Path } from './pipe.js';
import { PlainMember } from './plain-member.js';
import { DEFAULTS, type Plan, type SessionPlan } from './plan.js';
import { Probe } from './probe.js';
import { RedisDatabase } from './redis-database.js';
import type { RedisServer } from './redis-server.js';
import type { Scheduler } from './scheduler.js';
import { SimGateway } from './sim-gateway.js';
import type { SimStore } from './sim-store.js';
import type { StoreState } from './stored.js';
import { loggerTo, SILENT, type Trace } from './trace.js';

/** How long it may take after an outage until messages come as fast as before. */
const OUTAGE_AFTERMATH_MS = 5_000;

export interface WorldOptions {
  readonly random: SeededRandom;
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  /** The Redis of all deployments. */
  readonly redis: RedisServer;
  /** All deployments of the run. This one is added. */
  readonly deployments: World[];
  /** Begins the names of its gateways, its members and its messages. */
  readonly prefix: string;
  readonly mutation: Mutation;
  readonly trace: Trace;
}

/** A deployment: its database, gateways and members, and the network between them. Most runs have one. */
export class World {
  readonly random: SeededRandom;
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly audit: Audit;
  readonly names: Names;
  readonly redis: RedisServer;
  readonly database: RedisDatabase;
  readonly losses: Losses;
  /** The gateway of each place, or the last one that was there. */
  readonly gateways: SimGateway[];
  readonly framed: FramedMember[] = [];
  readonly plain: PlainMember[] = [];
  /** Clients that resume from unusual positions, see {@link Probe}. */
  readonly probes: Probe[] = [];
  readonly #deployments: readonly World[];
  readonly #prefix: string;
  readonly #config: Config;
  readonly #mutation: Mutation;
  readonly #logger: Logger;
  /** Absent: all messages are small. */
  readonly #largeMessages: LargeMessages | undefined;
  #disturbedUntilMs = 0;
  #gatewaysMade = 0;
  #linksMade = 0;
  #contents = 0;

  constructor({ random, plan, scheduler, redis, deployments, prefix, mutation, trace }: WorldOptions) {
    this.random = random;
    this.plan = plan;
    this.scheduler = scheduler;
    this.redis = redis;
    this.trace = trace;
    this.#deployments = deployments;
    deployments.push(this);
    this.#prefix = prefix;
    const { largeMessages } = plan;
    if (largeMessages) this.#largeMessages = new LargeMessages(random.fork('large messages'), largeMessages);
    const config = plan.config.redis;
    this.#config = { ...plan.config, redis: { ...config, ...mutation.scope?.(config) } };
    this.names = namesOf(this.#config.redis);
    const look = (sessionId: string) => this.database.store.look(sessionId);
    this.audit = new Audit({ scheduler, trace, names: this.names, look, prefix });
    this.#mutation = mutation;
    this.#logger = trace.isOn ? loggerTo((line) => this.audit.note(line)) : SILENT;
    const { historyMax, maxBytes, ttl } = plan.config.sessions;
    this.database = new RedisDatabase(scheduler, {
      server: redis,
      names: this.names,
      nonce: prefix,
      historyMax,
      sessionMaxBytes: mutation.sessionMaxBytes?.(maxBytes) ?? maxBytes,
      defaultTtl: ttl,
      published: (channel, payload) => this.audit.published(channel, payload),
      called: (sessionId) => {
        const history = this.audit.histories.get(sessionId);
        if (history) this.losses.look(history);
      },
      changed: (method, sessionId, args) => this.#changed(method, sessionId, args),
      appending: (sessionId, { position }) => {
        const contradiction = position && contradictionOf(position, look(sessionId));
        return ({ outcome }) => {
          if (contradiction !== undefined && outcome === 'stored') {
            this.audit.fail('G3', `an append to ${sessionId} was taken from a gateway whose ${contradiction}`);
          }
        };
      },
      wrap: mutation.store,
    });
    this.losses = new Losses({
      audit: this.audit,
      database: this.database,
      gateways: () => this.gateways,
      isAccepted: (content) => this.framed.some((member) => member.hasAccepted(content)),
    });
    const { memory, sessions } = this.plan.config;
    this.audit.tailsAreSmall =
      memory.tailBytes < DEFAULTS.memory.tailBytes || sessions.maxBytes < DEFAULTS.sessions.maxBytes;
    if (plan.absentMs > 0) redis.goDown(plan.absentMs);
    this.gateways = Array.from({ length: this.plan.gateways }, () => this.#makeGateway());
    for (const [index, session] of this.plan.sessions.entries()) this.#addSession(index, session);
  }

  /** Until when some publishes were lost; 0: never. */
  losesUntilMs = 0;

  /** Notes that a fault delays messages from now on for some time, in every deployment. */
  disturb(ms: number): void {
    for (const each of this.#deployments) {
      each.#disturbedUntilMs = Math.max(each.#disturbedUntilMs, this.scheduler.nowMs + ms);
    }
  }

  /** Schedules an event, but within the time in which faults happen. */
  later(ms: number, run: () => void): void {
    this.scheduler.after(Math.min(ms, this.plan.busyMs - this.scheduler.nowMs), run);
  }

  /** When the last fault that delays messages was or will be over. */
  get disturbedUntilMs(): number {
    return this.#disturbedUntilMs;
  }

  /** Redis' process ends, and starts again after some time with the data that is left. */
  crash(downMs: number, change: (store: SimStore) => void): void {
    this.disturb(downMs + OUTAGE_AFTERMATH_MS);
    this.redis.goDown(downMs);
    for (const each of this.#deployments) each.#crashed(change);
  }

  #crashed(change: (store: SimStore) => void): void {
    for (const { commands, subscriber } of this.gateways) {
      commands.serverDied();
      subscriber.connection.serverDied();
    }
    this.losses.lose('with its connections', change);
  }

  /** A copy of what all of Redis has now. @returns puts the copy in the place of a store's data */
  replica(): (store: SimStore) => void {
    const copies = new Map(this.#deployments.map(({ database: { store } }) => [store, store.snapshot()]));
    return (store) => store.fallBack(copies.get(store));
  }

  /** An operator deletes a session through the API. */
  delete(sessionId: string): void {
    this.database.callAsApi('remove', sessionId);
  }

  /** An operator gives a session a short time to live through the API. @param ttl seconds */
  shorten(sessionId: string, ttl: number): void {
    const history = this.audit.history(sessionId);
    history.ttl = ttl;
    history.isDisturbed = true;
    this.database.callAsApi('extend', sessionId, ttl);
  }

  /** Starts a new gateway in the place of one that is gone. */
  restart(gone: SimGateway): void {
    const place = this.gateways.indexOf(gone);
    if (place >= 0 && gone.state === 'gone') this.gateways[place] = this.#makeGateway();
  }

  /** A new content, which no other message has. */
  content(random: SeededRandom): string {
    const name = `${this.#prefix}c${++this.#contents}`;
    const text = random.chance(0.2) ? `${name} ${'x'.repeat(random.int(1, 400))}` : name;
    return this.#largeMessages?.lengthen(text) ?? text;
  }

  get serving(): SimGateway[] {
    return this.gateways.filter((gateway) => gateway.state === 'serving');
  }

  #changed(method: string, sessionId: string, args: readonly unknown[]): void {
    const history = this.audit.histories.get(sessionId);
    if (!history) return;
    if (method === 'remove') this.losses.delete(history);
    if (method === 'bury') this.losses.bury(history);
    if (method === 'fork') this.#forked(history, args[1] as ForkRequest);
    const change = CHANGE_BY[method];
    const isNew = history.epoch === '' && this.plan.hasLosses;
    if (change && (history.isDisturbed || isNew)) this.audit.take(history, change);
  }

  #forked(history: History, { seenEpoch }: ForkRequest): void {
    const { epoch } = this.database.store.look(history.sessionId) ?? history;
    if (epoch !== history.epoch && history.epoch !== seenEpoch) {
      this.audit.fail('G4', `${history.epoch} was ended by a fork that knew of ${seenEpoch}`);
    }
    history.isDisturbed = true;
  }

  #addSession(index: number, { framed, plain, stored, senders = Number.POSITIVE_INFINITY }: SessionPlan): void {
    const sessionId = `s${index}`;
    const { historyMax: entries, maxBytes: bytes } = this.plan.config.sessions;
    const history = this.audit.addSession(sessionId, { entries, bytes });
    const shared = { scheduler: this.scheduler, audit: this.audit, history };
    for (let i = 1; i <= stored; i++) {
      const head = `"content":"${this.#prefix}old ${index} ${i}","sender":"server","timestamp":`;
      const message = { id: `old-${index}-${i}`, senderKey: this.plan.storedKey ?? '', head };
      void this.database.store.append(sessionId, { messages: [message] });
    }
    for (let i = 0; i < framed; i++) {
      const name = `${this.#prefix}m${index}.${i}`;
      const options: MemberOptions = {
        ...shared,
        name,
        random: this.random.fork(name),
        dial: this.#dialFrom(name),
        mayFork: this.plan.hasLosses,
        isQuiet: i >= senders,
        isDeleted: () => this.losses.wasDeleted(history),
      };
      this.framed.push(new FramedMember(options, this.random.fork(`${name} history`).chance(0.75)));
    }
    for (let i = 0; i < plain; i++) {
      const name = `${this.#prefix}p${index}.${i}`;
      const options = { ...shared, name, random: this.random.fork(name), dial: this.#dialFrom(name) };
      this.plain.push(new PlainMember({ ...options, isQuiet: i >= senders }));
    }
    const name = `${this.#prefix}q${index}`;
    this.probes.push(new Probe({ ...shared, name, random: this.random.fork(name), dial: this.#dialFrom(name) }));
  }

  #makeGateway(): SimGateway {
    const name = `${this.#prefix}g${++this.#gatewaysMade}`;
    return new SimGateway({
      name,
      scheduler: this.scheduler,
      random: this.random.fork(name),
      redis: this.redis,
      database: this.database,
      config: this.#config,
      hasGroups: this.plan.hasGroups ?? false,
      logger: this.#logger,
      audit: this.audit,
      mutation: this.#mutation,
      ending: (gateway) => this.losses.ending(gateway),
      left: (gateway, history) => this.losses.left(gateway, history),
    });
  }

  /** The front door for one client: it chooses any serving gateway, and sometimes one that has just stopped serving. */
  #dialFrom(name: string): Dial {
    const random = this.random.fork(`${name} network`);
    const path = new Path(this.scheduler, random.fork('path'), random.int(1, 15), random.pick([1, 5, 40]));
    return (client, query, protocolHeader) => {
      const { serving } = this;
      const server = random.pick(serving.length > 0 && random.chance(0.95) ? serving : this.gateways);
      return new Link({
        name: `${name}#${++this.#linksMade}`,
        scheduler: this.scheduler,
        path,
        client,
        server,
        query,
        protocolHeader,
        maxBackpressureBytes: this.plan.config.memory.maxBackpressureBytes,
        misused: (what) => this.audit.fail('socket', what),
      });
    };
  }
}

/** How a sender's position contradicts what Redis has (G3). */
function contradictionOf({ epoch, seq, id }: Position, state: StoreState | undefined): string | undefined {
  if (epoch === '') return undefined;
  if (!state) return 'session is gone';
  if (epoch !== state.epoch) return `epoch is ${epoch}`;
  if (seq > state.count) return `newest number is ${seq}`;
  const there = state.log.find((entry) => entry.seq === seq);
  return id !== '' && there && there.id !== id ? `message ${seq} is ${id}` : undefined;
}
