import { createLogger, type Logger } from '@holdfast/telemetry';
import { SeededRandom } from '@holdfast/testkit';
import { Audit } from './audit.js';
import type { Dial } from './client-socket.js';
import { FramedMember, type MemberOptions } from './framed-member.js';
import { Link } from './link.js';
import type { Mutation } from './mutation.js';
import { Path } from './pipe.js';
import { PlainMember } from './plain-member.js';
import { drawPlan, type Plan } from './plan.js';
import { Probe } from './probe.js';
import { RedisServer } from './redis-server.js';
import { Scheduler } from './scheduler.js';
import { SimGateway } from './sim-gateway.js';
import type { Trace } from './trace.js';

/** Everything of one run: Redis, gateways, members, and the network between them. */
export class World {
  readonly random: SeededRandom;
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly audit: Audit;
  readonly redis: RedisServer;
  /** The present gateway of each place, or the one that was there last. */
  readonly gateways: SimGateway[];
  readonly framed: FramedMember[] = [];
  readonly plain: PlainMember[] = [];
  /** Strangers that ask for what they please; see {@link Probe}. */
  readonly probes: Probe[] = [];
  readonly #mutation: Mutation;
  readonly #logger: Logger;
  #disturbedUntilMs = 0;
  #gatewaysMade = 0;
  #linksMade = 0;
  #contents = 0;

  constructor(seed: number, mutation: Mutation, trace: Trace) {
    this.random = new SeededRandom(seed);
    this.plan = drawPlan(this.random.fork('plan'));
    this.trace = trace;
    this.scheduler = new Scheduler(this.random.fork('ties').next);
    this.audit = new Audit(this.scheduler, trace);
    this.#mutation = mutation;
    this.#logger = trace.isOn ? tracingLogger((line) => this.audit.note(line)) : SILENT;
    const { historyMax, ttl } = this.plan.config.sessions;
    this.redis = new RedisServer(this.scheduler, {
      historyMax,
      defaultTtl: ttl,
      published: (channel, payload) => this.audit.published(channel, payload),
    });
    this.gateways = Array.from({ length: this.plan.gateways }, () => this.#makeGateway());
    for (const [index, session] of this.plan.sessions.entries()) this.#addSession(index, session);
  }

  /** Until when publishes were lost now and then; 0: none was. */
  losesUntilMs = 0;

  /** Something holds messages up from now on, for a time. */
  disturb(ms: number): void {
    this.#disturbedUntilMs = Math.max(this.#disturbedUntilMs, this.scheduler.nowMs + ms);
  }

  /** When the last thing that holds messages up was over, or will be. */
  get disturbedUntilMs(): number {
    return this.#disturbedUntilMs;
  }

  /** Puts a new gateway into a place whose last one is gone. */
  restart(gone: SimGateway): void {
    const place = this.gateways.indexOf(gone);
    if (place >= 0 && gone.state === 'gone') this.gateways[place] = this.#makeGateway();
  }

  /** Something new to say. */
  content(random: SeededRandom): string {
    const text = `c${++this.#contents}`;
    return random.chance(0.2) ? `${text} ${'x'.repeat(random.int(1, 400))}` : text;
  }

  get serving(): SimGateway[] {
    return this.gateways.filter((gateway) => gateway.state === 'serving');
  }

  #addSession(index: number, { framed, plain, stored }: Plan['sessions'][number]): void {
    const sessionId = `s${index}`;
    const history = this.audit.addSession(sessionId, this.plan.config.sessions.historyMax);
    const shared = { scheduler: this.scheduler, audit: this.audit, history };
    for (let i = 1; i <= stored; i++) {
      const head = `"content":"old ${index} ${i}","sender":"server","timestamp":`;
      void this.redis.store.append(sessionId, { messages: [{ id: `old-${index}-${i}`, senderKey: '', head }] });
    }
    for (let i = 0; i < framed; i++) {
      const name = `m${index}.${i}`;
      const options: MemberOptions = { ...shared, name, random: this.random.fork(name), dial: this.#dialFrom(name) };
      this.framed.push(new FramedMember(options, this.random.fork(`${name} history`).chance(0.75)));
    }
    for (let i = 0; i < plain; i++) {
      const name = `p${index}.${i}`;
      this.plain.push(new PlainMember({ ...shared, name, random: this.random.fork(name), dial: this.#dialFrom(name) }));
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
      logger: this.#logger,
      audit: this.audit,
      mutation: this.#mutation,
    });
  }

  /** The front door, as one client finds it: any gateway that serves; at times one that has just ceased to. */
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
