import { join } from 'node:path';
import { FrontDoor } from './front-door.js';
import { lockHome } from './home-lock.js';
import { ownRedis } from './own-redis.js';
import { type ChosenPort, choosePorts, releasePorts } from './ports.js';
import { ServiceLog } from './service-log.js';
import { backendOf, type ServicePorts, serviceProcess } from './services.js';
import type { Settings } from './settings.js';
import { chooseStorage, describeGiven, EMBEDDED_MEANS, type Storage } from './storage.js';
import type { SupervisedProcess } from './supervised-process.js';

export interface SystemOptions {
  readonly settings: Settings;
  /** The repository's root. */
  readonly root: string;
  /** Gets lines for the operator. */
  readonly say: (line: string) => void;
}

interface NamedPart extends ServicePorts {
  readonly name: string;
}

/** Default ports of all parts, in the order of {@link LocalSystem.start}. Where one is taken, another is used. */
const PORTS = [8100, 9100, 8101, 9101, 8200, 9200, 9300, 6379] as const;

const READY_TIMEOUT_MS = 30_000;
/** The two stop one after the other, and have to stay under 10 s together. */
const STOP_SERVICES_MS = 7_000;
const STOP_REDIS_MS = 2_500;

/** Runs all of Holdfast on one machine, as child processes of this one. */
export class LocalSystem {
  readonly #options: SystemOptions;
  readonly #services: SupervisedProcess[] = [];
  readonly #logs: ServiceLog[] = [];
  #redis: SupervisedProcess | undefined;
  #door: FrontDoor | undefined;
  #unlock: (() => void) | undefined;
  #ports: readonly ChosenPort[] = [];
  #stopping: Promise<void> | undefined;
  #url = '';
  #redisUrl: string | undefined;

  constructor(options: SystemOptions) {
    this.#options = options;
  }

  /** Address of the page, the API and the chat. */
  get url(): string {
    return this.#url;
  }

  /** Address of the Redis in use; nothing in embedded mode. */
  get redisUrl(): string | undefined {
    return this.#redisUrl;
  }

  /**
   * Starts everything and waits until it serves.
   *
   * @throws {PortTakenError | HomeTakenError | StartFailedError} after everything that had been started was stopped
   */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops everything within 10 s, the front door first and Redis last. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const { settings, say } = this.#options;
    this.#unlock = lockHome(settings.home);
    const chosen = await choosePorts(PORTS);
    this.#ports = chosen;
    const [g1 = 0, a1 = 0, g2 = 0, a2 = 0, api = 0, apiAdmin = 0, sweeper = 0, redis = 0] = chosen.map(
      (one) => one.port,
    );
    const gateways: NamedPart[] = [
      { name: 'gateway 1', port: g1, adminPort: a1 },
      { name: 'gateway 2', port: g2, adminPort: a2 },
    ];
    const sessionApi: NamedPart = { name: 'session-api', port: api, adminPort: apiAdmin };
    this.#door = await FrontDoor.open({
      host: settings.host,
      port: settings.port,
      allowedHosts: settings.allowedHosts,
      gateways: gateways.map((gateway) => backendOf(gateway.name, gateway)),
      api: backendOf(sessionApi.name, sessionApi),
      say,
    });
    this.#url = `http://${this.#shownHost()}:${this.#door.port}`;

    const storage = chooseStorage(settings);
    say('Starting Holdfast');
    await this.#startStorage(storage, redis);
    if (this.#stopping) return;
    if (storage.kind === 'embedded') this.#addEmbedded([...gateways, sessionApi]);
    else this.#addServices([...gateways, sessionApi], sweeper);
    await this.#startServices();
    const moved = PORTS.filter((port, index) => chosen[index]?.instead && (port !== 6379 || storage.kind === 'own'));
    if (moved.length > 0)
      say(`  ports        ${moved.join(', ')} ${moved.length === 1 ? 'was' : 'were'} taken; others are used instead`);
    say(`  logs         ${join(settings.home, 'logs')}/*.log`);
  }

  async #startStorage(storage: Storage, port: number): Promise<void> {
    const { settings, say } = this.#options;
    switch (storage.kind) {
      case 'given':
        this.#redisUrl = storage.url;
        say(`  Redis        ${await describeGiven(storage.url)}`);
        return;
      case 'own': {
        const dir = join(settings.home, 'redis');
        this.#redisUrl = `redis://localhost:${port}/0`;
        this.#redis = ownRedis({
          program: storage.program,
          port,
          dir,
          env: settings.env,
          log: this.#log('redis'),
          say,
        });
        await this.#redis.start(READY_TIMEOUT_MS);
        say(
          `  Redis        ${this.#redisUrl}  (its own; data in ${dir})${port === 6379 ? '' : `  redis-cli -p ${port}`}`,
        );
        return;
      }
      case 'embedded':
        say(`  NO REDIS, ${storage.because}. ${EMBEDDED_MEANS}`);
    }
  }

  #addServices(parts: readonly NamedPart[], sweeperPort: number): void {
    for (const part of parts) {
      const service = part.name.startsWith('gateway') ? 'gateway' : part.name;
      this.#add(part.name, `services/${service}/dist/main.js`, [part]);
    }
    const sweeper = { name: 'sweeper', port: 0, adminPort: sweeperPort };
    this.#add(sweeper.name, 'services/sweeper/dist/main.js', [sweeper]);
  }

  #addEmbedded(parts: readonly NamedPart[]): void {
    const args = parts.map(({ port, adminPort }) => `${port}:${adminPort}`);
    this.#add('embedded', 'services/local/dist/embedded-main.js', parts, args);
  }

  #add(name: string, script: string, parts: readonly NamedPart[], args: readonly string[] = []): void {
    const { settings, root, say } = this.#options;
    const redis = this.#redisUrl === undefined ? {} : { CHANNEL_REDIS_URL: this.#redisUrl };
    const log = this.#log(name.replace(' ', '-'), name);
    const env = { ...settings.env, ...redis };
    this.#services.push(serviceProcess({ name, script, args, ports: parts, env, root, log, say }));
    for (const part of parts) {
      const where = part.port === 0 ? '' : `http://127.0.0.1:${part.port}  `;
      say(`  ${part.name.padEnd(12)} ${where}(metrics http://127.0.0.1:${part.adminPort}/metrics)`);
    }
  }

  async #startServices(): Promise<void> {
    const ready = await Promise.all(this.#services.map((service) => service.start(READY_TIMEOUT_MS)));
    await this.#door?.checkGateways();
    if (this.#stopping || ready.every(Boolean)) return;
    this.#options.say('  Not everything is ready yet; the logs say why.');
  }

  #log(file: string, name = file): ServiceLog {
    const { settings, say } = this.#options;
    const log = new ServiceLog(join(settings.home, 'logs', `${file}.log`), (warning) => say(`[${name}] ${warning}`));
    this.#logs.push(log);
    return log;
  }

  #shownHost(): string {
    const { host } = this.#options.settings;
    if (host === '127.0.0.1' || host === '::1') return 'localhost';
    return host.includes(':') ? `[${host}]` : host;
  }

  async #stop(): Promise<void> {
    this.#door?.stopAccepting();
    await Promise.all(this.#services.map((service) => service.stop(STOP_SERVICES_MS)));
    await this.#door?.close();
    await this.#redis?.stop(STOP_REDIS_MS);
    for (const log of this.#logs) log.close();
    releasePorts(this.#ports);
    this.#unlock?.();
  }
}
