import type { Position } from '@holdfast/protocol';
import type { ForkRequest } from '@holdfast/session-store';
import { createLogger, type Logger } from '@holdfast/telemetry';
import { SeededRandom } from '@holdfast/testkit';
import { Audit } from './audit.js';
import type { Dial } from './client-socket.js';
import { FramedMember, type MemberOptions } from './framed-member.js';
import type { History, StoreState } from './history.js';
import { LargeMessages } from './large-messages.js';
import { Link } from './link.js';
import { CHANGE_BY, Losses } from './losses.js';
import type { Mutation } from './mutation.js';
import { Path } from './pipe.js';
import { PlainMember } from './plain-member.js';
import { DEFAULTS, drawPlan, type Plan, type SessionPlan } from './plan.js';
import { Probe } from './probe.js';
import { RedisServer } from './redis-server.js';
import { Scheduler } from './scheduler.js';
import { SimGateway } from './sim-gateway.js';
import type { SimStore } from './sim-store.js';
import type { Trace } from './trace.js';
import { type Scenario, vary } from './variety.js';

/** How long it may take after an outage until messages come as fast as before. */
const OUTAGE_AFTERMATH_MS = 5_000;

interface WorldOptions {
  /** How many faults of all kinds there are. Absent: the seed draws it. */
  readonly faults?: number | undefined;
  readonly scenario: Scenario;
}

/** All parts of a run: Redis, gateways, members, and the network between them. */
export class World {
  readonly random: SeededRandom;
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly audit: Audit;
  readonly redis: RedisServer;
  readonly losses: Losses;
  /** The gateway of each place, or the last one that was there. */
  readonly gateways: SimGateway[];
  readonly framed: FramedMember[] = [];
  readonly plain: PlainMember[] = [];
  /** Clients that resume from unusual positions, see {@link Probe}. */
  readonly probes: Probe[] = [];
  readonly #mutation: Mutation;
  readonly #logger: Logger;
  /** Absent: all messages are small. */
  readonly #largeMessages: LargeMessages | undefined;
  #disturbedUntilMs = 0;
  #gatewaysMade = 0;
  #linksMade = 0;
  #contents = 0;

  constructor(seed: number, mutation: Mutation, trace: Trace, { faults, scenario }: WorldOptions) {
    this.random = new SeededRandom(seed);
    const plan = drawPlan(this.random.fork('plan'), faults);
    this.plan = scenario === 1 ? plan : vary(this.random.fork('variety'), plan);
    const { largeMessages } = this.plan;
    if (largeMessages) this.#largeMessages = new LargeMessages(this.random.fork('large messages'), largeMessages);
    this.trace = trace;
    this.scheduler = new Scheduler(this.random.fork('ties').next);
    this.audit = new Audit(this.scheduler, trace, (sessionId) => this.redis.store.look(sessionId));
    this.#mutation = mutation;
    this.#logger = trace.isOn ? tracingLogger((line) => this.audit.note(line)) : SILENT;
    const { historyMax, ttl } = this.plan.config.sessions;
    this.redis = new RedisServer(this.scheduler, {
      historyMax,
      defaultTtl: ttl,
      published: (channel, payload) => this.audit.published(channel, payload),
      called: (sessionId) => {
        const history = this.audit.histories.get(sessionId);
        if (history) this.losses.look(history);
      },
      changed: (method, sessionId, args) => this.#changed(method, sessionId, args),
      appending: (sessionId, { position }) => {
        const contradiction = position && contradictionOf(position, this.redis.store.look(sessionId));
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
      redis: this.redis,
      gateways: () => this.gateways,
      isAccepted: (content) => this.framed.some((member) => member.hasAccepted(content)),
    });
    this.audit.tailsAreSmall = this.plan.config.memory.tailBytes < DEFAULTS.memory.tailBytes;
    if (this.plan.absentMs > 0) this.redis.goDown(this.plan.absentMs);
    this.gateways = Array.from({ length: this.plan.gateways }, () => this.#makeGateway());
    for (const [index, session] of this.plan.sessions.entries()) this.#addSession(index, session);
  }

  /** Until when some publishes were lost; 0: never. */
  losesUntilMs = 0;

  /** Notes that a fault delays messages from now on for some time. */
  disturb(ms: number): void {
    this.#disturbedUntilMs = Math.max(this.#disturbedUntilMs, this.scheduler.nowMs + ms);
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
    for (const { commands, subscriber } of this.gateways) {
      commands.serverDied();
      subscriber.connection.serverDied();
    }
    this.losses.lose('with its connections', change);
  }

  /** An operator deletes a session through the API. */
  delete(sessionId: string): void {
    this.redis.callAsApi('remove', sessionId);
  }

  /** An operator gives a session a short time to live through the API. @param ttl seconds */
  shorten(sessionId: string, ttl: number): void {
    const history = this.audit.history(sessionId);
    history.ttl = ttl;
    history.disturb();
    this.redis.callAsApi('extend', sessionId, ttl);
  }

  /** Starts a new gateway in the place of one that is gone. */
  restart(gone: SimGateway): void {
    const place = this.gateways.indexOf(gone);
    if (place >= 0 && gone.state === 'gone') this.gateways[place] = this.#makeGateway();
  }

  /** A new content, which no other message has. */
  content(random: SeededRandom): string {
    const name = `c${++this.#contents}`;
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
    const { epoch } = this.redis.store.look(history.sessionId) ?? history;
    if (epoch !== history.epoch && history.epoch !== seenEpoch) {
      this.audit.fail('G4', `${history.epoch} was ended by a fork that knew of ${seenEpoch}`);
    }
    history.disturb();
  }

  #addSession(index: number, { framed, plain, stored, senders = Number.POSITIVE_INFINITY }: SessionPlan): void {
    const sessionId = `s${index}`;
    const history = this.audit.addSession(sessionId, this.plan.config.sessions.historyMax);
    const shared = { scheduler: this.scheduler, audit: this.audit, history };
    for (let i = 1; i <= stored; i++) {
      const head = `"content":"old ${index} ${i}","sender":"server","timestamp":`;
      void this.redis.store.append(sessionId, { messages: [{ id: `old-${index}-${i}`, senderKey: '', head }] });
    }
    for (let i = 0; i < framed; i++) {
      const name = `m${index}.${i}`;
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
      const name = `p${index}.${i}`;
      const options = { ...shared, name, random: this.random.fork(name), dial: this.#dialFrom(name) };
      this.plain.push(new PlainMember({ ...options, isQuiet: i >= senders }));
    }
    const name = `q${index}`;
    this.probes.push(new Probe({ ...shared, name, random: this.random.fork(name), dial: this.#dialFrom(name) }));
  }

  #makeGateway(): SimGateway {
    const name = `g${++this.#gatewaysMade}`;
    return new SimGateway({
      name,
      scheduler: this.scheduler,
      random: this.random.fork(name),
      redis: this.redis,
      config: this.plan.config,
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

const IDENTITY = { service: 'gateway', color: 'blue', instance: 'simulation' } as const;
const SILENT = createLogger({ ...IDENTITY, level: 'silent', format: 'json' });

function tracingLogger(note: (line: string) => void): Logger {
  const destination = {
    write: (line: string) => {
      const { level, msg, sessionId = '', reason = '' } = JSON.parse(line) as Record<string, string>;
      note(`log ${level}: ${msg} ${sessionId} ${reason}`);
    },
  };
  return createLogger({ ...IDENTITY, level: 'debug', format: 'json', destination });
}
