import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '@holdfast/testkit';
import type { Adapter } from './adapter.js';
import { ServerProcess } from './server-process.js';

/** A target that runs and can be loaded. */
export interface Running {
  readonly adapter: Adapter;
  /** The ports of 127.0.0.1 that members are spread over. */
  readonly ports: readonly number[];
  /** The processes whose cost is measured. */
  readonly processes: readonly ServerProcess[];
  /** Address of the HTTP API, where stored messages can be read. */
  readonly history?: string;
  /** Address of the first gateway's metrics. */
  readonly metrics?: string;
  /** Port of the first gateway's inspector, when that was asked for. */
  readonly inspectPort?: number;
  stop(): Promise<void>;
}

export interface TargetOptions {
  /** Folder in which each Node server leaves a CPU profile when it ends. */
  readonly profileTo?: string;
  /** How many seconds sessions of Holdfast live without activity. Absent: the default. */
  readonly sessionTtl?: number;
  /** The built checkout that `holdfast-before` runs. An absolute path. */
  readonly before?: string;
  /** Starts the first gateway with an inspector. */
  readonly inspect?: true;
}

/** Everything that can be measured, by name. */
export const TARGETS = {
  raw: (options: TargetOptions) => reference('raw', options),
  'fire-and-forget': (options: TargetOptions) => reference('fire-and-forget', options),
  'socket.io': (options: TargetOptions) => reference('socket-io', options),
  holdfast: (options: TargetOptions) => holdfast(1, FRAMED, options),
  'holdfast-before': (options: TargetOptions) => holdfast(1, FRAMED, { ...options, root: options.before ?? ROOT }),
  'holdfast-two': (options: TargetOptions) => holdfast(2, FRAMED, options),
  'holdfast-plain': (options: TargetOptions) => holdfast(1, PLAIN, options),
} as const satisfies Record<string, (options: TargetOptions) => Promise<Running>>;

export type TargetName = keyof typeof TARGETS;

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../../..');
const REFERENCES = fileURLToPath(new URL('./references/', import.meta.url));

const BARE: Adapter = { path: '/?session={session}', publish: '{content}', message: '' };

const SOCKET_IO: Adapter = {
  path: '/socket.io/?EIO=4&transport=websocket&session={session}',
  hello: '40',
  ready: '40',
  publish: '42["message","{content}"]',
  message: '42["message"',
  ping: { is: '2', answer: '3' },
};

const SESSION = '/ws/chat/?session={session}&redis_persistence=true&client={member}';

const FRAMED: Adapter = {
  path: SESSION,
  subprotocol: 'holdfast.v1',
  ready: '{"type":"welcome"',
  publish: '{"type":"send","id":"{id}","content":"{content}"}',
  message: '{"type":"message","seq":',
  numbered: true,
};

const PLAIN: Adapter = { path: SESSION, publish: '{content}', message: '{"type":"message"' };

async function reference(name: 'raw' | 'fire-and-forget' | 'socket-io', options: TargetOptions): Promise<Running> {
  const redis = name === 'raw' ? undefined : await ServerProcess.startRedis();
  const port = await freePort();
  const env = { PORT: String(port), ...(redis && { CHANNEL_REDIS_URL: redis.url }) };
  const server = await ServerProcess.start({
    name: 'server',
    ...node(join(REFERENCES, `${name}.js`), options),
    env,
    port,
  });
  const processes = redis ? [server, redis.server] : [server];
  const adapter = name === 'socket-io' ? SOCKET_IO : BARE;
  return { adapter, ports: [port], processes, stop: () => stopAll(processes) };
}

async function holdfast(gateways: number, adapter: Adapter, options: ServiceOptions): Promise<Running> {
  const redis = await ServerProcess.startRedis();
  const processes = [redis.server];
  const ports: number[] = [];
  const inspectPort = options.inspect ? await freePort() : undefined;
  let first: Service | undefined;
  for (let index = 0; index < gateways; index++) {
    const gateway = await service(`gateway-${index + 1}`, 'gateway', redis.url, {
      ...options,
      ...(index === 0 && inspectPort !== undefined && { inspectPort }),
    });
    first ??= gateway;
    ports.push(gateway.port);
    processes.push(gateway.server);
  }
  const api = await service('session-api', 'session-api', redis.url, {
    ...(options.root !== undefined && { root: options.root }),
    ...(options.sessionTtl !== undefined && { sessionTtl: options.sessionTtl }),
  });
  return {
    adapter,
    ports,
    processes,
    history: `http://127.0.0.1:${api.port}/api`,
    ...(first && { metrics: `http://127.0.0.1:${first.adminPort}/metrics` }),
    ...(inspectPort !== undefined && { inspectPort }),
    stop: () => stopAll([api.server, ...processes].reverse()),
  };
}

interface Service {
  readonly port: number;
  readonly adminPort: number;
  readonly server: ServerProcess;
}

interface ServiceOptions extends TargetOptions {
  /** The built checkout whose services run. Default: this one. */
  readonly root?: string;
  readonly inspectPort?: number;
}

/** The V8 option of gateways in deploy/ and k8s/, see docs/operations/performance.md. */
export const YOUNG_GENERATION = '--max-semi-space-size=64';

async function service(name: string, folder: string, redisUrl: string, options: ServiceOptions): Promise<Service> {
  const [port, adminPort] = [await freePort(), await freePort()];
  const env = {
    CHANNEL_REDIS_URL: redisUrl,
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
    DRAIN_SECONDS: '1',
    LOG_LEVEL: 'warn',
    ...(options.sessionTtl !== undefined && { REDIS_SESSION_TTL: String(options.sessionTtl) }),
  };
  const program = join(options.root ?? ROOT, 'services', folder, 'dist/main.js');
  const v8 = folder === 'gateway' ? [YOUNG_GENERATION] : [];
  const server = await ServerProcess.start({ name, ...node(program, options, v8), env, port });
  return { port, adminPort, server };
}

function node(program: string, { profileTo, inspectPort }: ServiceOptions, v8: readonly string[] = []) {
  const profile = profileTo === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileTo}`];
  const inspect = inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`];
  return { command: process.execPath, args: [...v8, ...profile, ...inspect, program] };
}

async function stopAll(processes: readonly ServerProcess[]): Promise<void> {
  for (const server of processes) await server.stop();
}
