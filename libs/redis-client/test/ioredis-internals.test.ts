import { createRequire } from 'node:module';
import { eventually, type RedisCluster, type RedisServer, startCluster, startRedis, stopAll } from '@holdfast/testkit';
import { Cluster, Command, Redis, type RedisOptions } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, it, vi } from 'vitest';
import {
  type ForeignCommand,
  type ForeignPipeline,
  interceptData,
  onSlotMoved,
  onSlotsRead,
  sendForeign,
  shardChannels,
  slotOwners,
  type TimedCommand,
  type TimedConnection,
  writeToSocket,
} from '../src/ioredis-internals.js';

/*
 * Everything that the product assumes of ioredis beyond its documented interface. When an update of ioredis changes one,
 * its test fails with what is assumed and the file that relies on it: either that file is adapted, or the update waits.
 */

const { version } = createRequire(import.meta.url)('ioredis/package.json') as { version: string };

/** Milliseconds after which something that ioredis should do at once will not happen. */
const PATIENCE_MS = 10_000;

let server: RedisServer;
let cluster: RedisCluster;
const clients: (Redis | Cluster)[] = [];

beforeAll(async () => {
  [server, cluster] = await Promise.all([startRedis(), startCluster()]);
});
afterEach(() => {
  for (const client of clients.splice(0)) client.disconnect();
  vi.restoreAllMocks();
});
afterAll(stopAll);

/** A connection without anything that this package adds. */
async function connect(options: Omit<RedisOptions, 'replyMapping'> = {}): Promise<Redis> {
  const client = new Redis({ port: server.port, maxRetriesPerRequest: 0, retryStrategy: () => 20, ...options });
  client.on('error', () => undefined);
  clients.push(client);
  await eventually('the connection', () => client.status === 'ready', { everyMs: 2 });
  return client;
}

async function connectCluster(): Promise<Cluster> {
  const client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })));
  client.on('error', () => undefined);
  clients.push(client);
  await eventually('the cluster', () => client.status === 'ready', { everyMs: 2 });
  return client;
}

const timed = (client: Redis): TimedConnection => client as unknown as TimedConnection;
const milliseconds = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason) => reason,
  );

/** The parser of a connection, with nothing between it and the test. */
function parserOf(client: Redis): (chunk: Buffer) => void {
  let parser: ((chunk: Buffer) => void) | undefined;
  interceptData(client, (parse) => {
    parser = parse;
    return () => undefined;
  });
  if (!parser) throw new Error('the socket has no listener for data');
  return parser;
}

/** The command that ioredis makes of the next call, and what is done instead of arming its time-out. */
function captureCommand(arm: (command: TimedCommand, ms: number) => void = () => undefined): () => TimedCommand {
  let captured: TimedCommand | undefined;
  vi.spyOn(Command.prototype, 'setTimeout').mockImplementation(function (this: unknown, ms: number) {
    captured = this as TimedCommand;
    arm(captured, ms);
  });
  return () => {
    if (!captured) throw new Error('Command.prototype.setTimeout was not called');
    return captured;
  };
}

/** Members that ioredis may read of a command although a foreign one does not have them. */
const HARMLESS = ['promise', 'isTraced', 'pipelineIndex', 'inTransaction'];

const ECHO = '*2\r\n$4\r\nECHO\r\n$1\r\na\r\n';

/** A command that is not of ioredis, and what becomes of it. */
function foreign(text = ECHO) {
  const calls: string[] = [];
  const unknown = new Set<string>();
  let settle: (outcome: { reply?: unknown; error?: Error & { command?: unknown } }) => void;
  const outcome = new Promise<Parameters<typeof settle>[0]>((resolve) => {
    settle = resolve;
  });
  const plain: ForeignCommand = {
    name: 'evalsha',
    args: ['shown'],
    setReplyContext: () => void calls.push('setReplyContext'),
    setTimeout: (ms) => void calls.push(`setTimeout ${ms}`),
    toWritable: () => {
      calls.push('toWritable');
      return text;
    },
    resolve: (reply) => settle({ reply }),
    reject: (error) => settle({ error }),
  };
  const command = new Proxy(plain, {
    get(target, member, receiver) {
      const name = String(member);
      if (!(member in target) && !HARMLESS.includes(name)) unknown.add(name);
      return Reflect.get(target, member, receiver) as unknown;
    },
  });
  return { command, calls, unknown, outcome };
}

/** A pipeline that notes what is written into it, or lets it through. */
function pipelineTo(redis: Redis, through = false): { pipeline: ForeignPipeline; written: string[] } {
  const written: string[] = [];
  const write = (text: string) => {
    written.push(text);
    if (through) writeToSocket(redis, text, 'utf8');
  };
  return { pipeline: { isPipeline: true, destination: { redis }, write }, written };
}

/** One file's assumptions: each says what ioredis does, and finds out whether it does. */
type Assumptions = Record<string, () => Promise<boolean>>;

const OF_PATIENT_TIMEOUT: Assumptions = {
  'Command.prototype.setTimeout(commandTimeout) is called for a command that is sent': async () => {
    const asked: number[] = [];
    captureCommand((_command, ms) => asked.push(ms));
    await (await connect({ commandTimeout: 4321 })).ping();
    return asked.length > 0 && asked.every((ms) => ms === 4321);
  },
  'command._commandTimeoutTimer is cleared and forgotten when the command settles': async () => {
    let expired = 0;
    const command = captureCommand((armed) => {
      armed._commandTimeoutTimer = setTimeout(() => (expired += 1), 500);
    });
    await (await connect({ commandTimeout: 4321 })).ping();
    const { _commandTimeoutTimer: left } = command();
    await milliseconds(600);
    return left === undefined && expired === 0;
  },
  'command.isSettled is false until the reply has come, and true afterwards': async () => {
    const command = captureCommand();
    const reply = (await connect({ commandTimeout: 4321 })).ping();
    const before = command().isSettled;
    await reply;
    return before === false && command().isSettled === true;
  },
  'command.reject(error) rejects the call, and the reply that comes later is dropped': async () => {
    const command = captureCommand();
    const client = await connect({ commandTimeout: 4321 });
    const failure = failureOf(client.echo('given up'));
    const error = new Error('given up');
    command().reject(error);
    return (await failure) === error && (await client.echo('next')) === 'next';
  },
  'Redis.prototype.setSocketTimeout() is called when a command is written and socketTimeoutTimer is undefined':
    async () => {
      let calls = 0;
      const setSocketTimeout = function (this: TimedConnection): void {
        calls += 1;
        this.socketTimeoutTimer = setTimeout(() => undefined, PATIENCE_MS);
      };
      vi.spyOn(Redis.prototype as unknown as TimedConnection, 'setSocketTimeout').mockImplementation(setSocketTimeout);
      const client = await connect({ socketTimeout: 4321 });
      clearTimeout(timed(client).socketTimeoutTimer);
      timed(client).socketTimeoutTimer = undefined;
      const before = calls;
      await Promise.all([client.ping(), client.ping()]);
      clearTimeout(timed(client).socketTimeoutTimer);
      return before >= 1 && calls === before + 1;
    },
  'redis.socketTimeoutTimer is cleared and forgotten when the connection closes': async () => {
    const client = await connect();
    let expired = 0;
    timed(client).socketTimeoutTimer = setTimeout(() => (expired += 1), 500);
    client.stream.destroy();
    await eventually('the close', () => client.status !== 'ready', { everyMs: 2 });
    const { socketTimeoutTimer: left } = timed(client);
    await milliseconds(600);
    return left === undefined && expired === 0;
  },
  'redis.options.socketTimeout is the option of that name': async () =>
    timed(await connect({ socketTimeout: 4321 })).options.socketTimeout === 4321,
  'redis.commandQueue.length counts commands without a reply, and is shortened before later data listeners':
    async () => {
      const client = await connect();
      const reply = client.ping();
      const before = timed(client).commandQueue.length;
      const after = new Promise((resolve) =>
        client.stream.once('data', () => resolve(timed(client).commandQueue.length)),
      );
      await reply;
      return before === 1 && (await after) === 0;
    },
  'redis.stream is the socket: destroying it ends the connection, and the next one has another': async () => {
    const client = await connect();
    const first = client.stream;
    first.destroy();
    await eventually('the loss', () => client.status !== 'ready', { everyMs: 2 });
    await eventually('the next connection', () => client.status === 'ready', { everyMs: 2 });
    return client.stream !== first;
  },
  "a cluster's connections are of the class Redis that ioredis exports": async () => {
    const nodes = (await connectCluster()).nodes('master');
    return nodes.length > 0 && nodes.every((node) => node instanceof Redis);
  },
};

const OF_PIPELINED_SCRIPT: Assumptions = {
  'sendCommand(command, pipeline) writes toWritable() into the pipeline once, and nothing to the socket': async () => {
    const client = await connect();
    const { command } = foreign();
    const { pipeline, written } = pipelineTo(client);
    const write = vi.spyOn(client.stream, 'write');
    sendForeign(client, command, pipeline);
    return written.join('|') === ECHO && write.mock.calls.length === 0;
  },
  'sendCommand tells a command its reply context and its time-out before it asks for what to write': async () => {
    const client = await connect({ commandTimeout: 4321 });
    const { command, calls } = foreign();
    sendForeign(client, command, pipelineTo(client).pipeline);
    return calls.join(', ') === 'setReplyContext, setTimeout 4321, toWritable';
  },
  'a foreign command gets its reply in its turn, a string as a Buffer': async () => {
    const client = await connect();
    const { command, outcome } = foreign();
    const before = client.echo('before');
    sendForeign(client, command, pipelineTo(client, true).pipeline);
    const after = client.echo('after');
    const { reply } = await outcome;
    const isReply = Buffer.isBuffer(reply) && String(reply) === 'a';
    return isReply && (await before) === 'before' && (await after) === 'after';
  },
  'a foreign command is rejected with what Redis refuses, and the error shows its name and args only': async () => {
    const client = await connect();
    const { command, outcome } = foreign('*2\r\n$7\r\nEVALSHA\r\n$6\r\nsecret\r\n');
    sendForeign(client, command, pipelineTo(client, true).pipeline);
    const { error } = await outcome;
    // Its args are those that it was given, unless this process has taken them out of errors (N1).
    const isShown = /^\{"name":"evalsha","args":\[("shown")?\]\}$/.test(JSON.stringify(error?.command));
    return error?.name === 'ReplyError' && error.message.startsWith('ERR ') && isShown;
  },
  'a foreign command is rejected at once without a connection, where nothing is queued': async () => {
    const client = await connect({ enableOfflineQueue: false, retryStrategy: () => PATIENCE_MS });
    client.stream.destroy();
    await eventually('the loss', () => client.status !== 'ready', { everyMs: 2 });
    const { command, calls, outcome } = foreign();
    sendForeign(client, command, pipelineTo(client).pipeline);
    return (await outcome).error instanceof Error && !calls.includes('toWritable');
  },
  'a foreign command is rejected when its connection is lost, and is not written again': async () => {
    const client = await connect({ autoResendUnfulfilledCommands: false });
    const { command, outcome } = foreign();
    const { pipeline, written } = pipelineTo(client);
    sendForeign(client, command, pipeline);
    client.stream.destroy();
    const { error } = await outcome;
    await eventually('the next connection', () => client.status === 'ready', { everyMs: 2 });
    await client.ping();
    return error instanceof Error && written.length === 1;
  },
  'a foreign command waits in the offline queue, and is then written into its pipeline': async () => {
    const client = new Redis({ port: server.port });
    client.on('error', () => undefined);
    clients.push(client);
    const { command, outcome } = foreign();
    const { pipeline, written } = pipelineTo(client, true);
    sendForeign(client, command, pipeline);
    const early = written.length;
    return String((await outcome).reply) === 'a' && early === 0 && written.length === 1;
  },
  'of a foreign command no other members are read than ForeignCommand has, or than may be absent': async () => {
    const client = await connect({ autoResendUnfulfilledCommands: false, commandTimeout: 4321 });
    const [answered, refused, lost] = [foreign(), foreign('*1\r\n$7\r\nEVALSHA\r\n'), foreign()];
    for (const { command } of [answered, refused]) {
      sendForeign(client, command, pipelineTo(client, true).pipeline);
    }
    await Promise.all([answered.outcome, refused.outcome]);
    sendForeign(client, lost.command, pipelineTo(client).pipeline);
    client.stream.destroy();
    await lost.outcome;
    const unknown = new Set([...answered.unknown, ...refused.unknown, ...lost.unknown]);
    if (unknown.size > 0) throw new Error(`it reads ${[...unknown].join(', ')}`);
    return true;
  },
};

const OF_MESSAGE_INTERCEPTOR: Assumptions = {
  'from ready on, the first data listener of redis.stream is the parser: without it there are no replies': async () => {
    const client = await connect();
    const parse = parserOf(client);
    let isAnswered = false;
    const reply = client.echo('a').then(() => {
      isAnswered = true;
    });
    await milliseconds(100);
    const before = isAnswered;
    parse(Buffer.from('$1\r\na\r\n'));
    await reply;
    return !before && isAnswered;
  },
  'the parser takes bytes that are cut anywhere, and settles commands during the call that completes a reply':
    async () => {
      const client = await connect();
      const parse = parserOf(client);
      const queue = timed(client).commandQueue;
      const replies = Promise.all([client.echo('é'), client.echo('b')]);
      for (const byte of Buffer.from('$2\r\né\r\n$1\r\nb\r\n')) parse(Buffer.from([byte]));
      return queue.length === 0 && (await replies).join() === 'é,b';
    },
  'each connection has a socket and a parser of its own, with its listener there at the event ready': async () => {
    const client = await connect();
    const first = parserOf(client);
    const second = new Promise<(chunk: Buffer) => void>((resolve) =>
      client.once('ready', () => resolve(client.stream.listeners('data')[0] as typeof first)),
    );
    client.stream.destroy();
    return (await second) !== first && (await client.echo('a')) === 'a';
  },
};

const push = (...parts: string[]): Buffer =>
  Buffer.from(`>3\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}:1\r\n`);

const OF_CREATE_REDIS: Assumptions = {
  'Redis.prototype.handleReconnection(error) is called with each error reply, whose command stands beside it, first':
    async () => {
      const seen: string[] = [];
      const original = Redis.prototype as unknown as { handleReconnection(error: Error, item: unknown): void };
      const { handleReconnection } = original;
      vi.spyOn(original, 'handleReconnection').mockImplementation(function (this: unknown, error, item) {
        const { name, args } = (error as Error & { command: { name: string; args: unknown[] } }).command;
        seen.push(`${name} ${args.join()}`);
        error.message = 'seen';
        handleReconnection.call(this, error, item);
      });
      const client = await connect();
      const direct = await failureOf(client.call('nonsense', 'a'));
      const wrongDatabase = new Redis({ port: server.port, db: 99, retryStrategy: () => PATIENCE_MS });
      clients.push(wrongDatabase);
      const handshake = new Promise<Error>((resolve) => wrongDatabase.on('error', resolve));
      const ofCluster = await failureOf((await connectCluster()).call('set', 'key'));
      const all = [direct, await handshake, ofCluster].every(
        (error) => error instanceof Error && error.message === 'seen',
      );
      return all && ['nonsense a', 'select 99', 'set key'].every((each) => seen.includes(each));
    },
};

const OF_SHARD_LINK: Assumptions = {
  "redis.condition.subscriber.channels('ssubscribe') has the shard channels that are confirmed": async () => {
    const client = await connect();
    await client.ssubscribe('one');
    await client.ssubscribe('two');
    const both = shardChannels(client).toSorted().join();
    await client.sunsubscribe('one');
    return both === 'one,two' && shardChannels(client).join() === 'two';
  },
  "the event moved follows when the server ends a shard channel's subscription, which is forgotten by then":
    async () => {
      const client = await connect();
      await client.ssubscribe('kept');
      await client.ssubscribe('ended');
      const left = new Promise<string>((resolve) => onSlotMoved(client, () => resolve(shardChannels(client).join())));
      parserOf(client)(push('sunsubscribe', 'ended'));
      return (await left) === 'kept';
    },
  'the event moved follows when the server refuses a shard channel because its slot has moved': async () => {
    const client = await connect();
    const moved = new Promise<void>((resolve) => onSlotMoved(client, resolve));
    const parse = parserOf(client);
    vi.spyOn(client.stream, 'write').mockReturnValue(true);
    const refused = failureOf(client.ssubscribe('one'));
    parse(Buffer.from('-MOVED 1 127.0.0.1:1\r\n'));
    await moved;
    return (await refused) instanceof Error;
  },
};

const OF_CLUSTER_SLOTS: Assumptions = {
  'cluster.slots has 16384 entries, whose first names the master as host:port': async () => {
    const owners = slotOwners(await connectCluster());
    const ports = new Set(owners.map((owner) => Number(owner?.split(':')[1])));
    const known = new Set(cluster.nodes.map(({ port }) => port));
    return owners.length === 16_384 && ports.size > 1 && [...ports].every((port) => known.has(port));
  },
  'cluster.refreshSlotsCache(callback) reads the map of slots, and the event refresh follows though it is the same':
    async () => {
      const client = await connectCluster();
      const read = new Promise<void>((resolve) => onSlotsRead(client, resolve));
      const called = new Promise<void>((resolve) => client.refreshSlotsCache(() => resolve()));
      await Promise.all([read, called]);
      return true;
    },
};

const ALL: readonly (readonly [file: string, assumptions: Assumptions])[] = [
  ['libs/redis-client/src/patient-timeout.ts', OF_PATIENT_TIMEOUT],
  ['libs/redis-client/src/create-redis.ts', OF_CREATE_REDIS],
  ['libs/redis-client/src/pipelined-script.ts', OF_PIPELINED_SCRIPT],
  ['libs/redis-client/src/message-interceptor.ts', OF_MESSAGE_INTERCEPTOR],
  ['libs/fan-out/src/shard-link.ts', OF_SHARD_LINK],
  ['libs/fan-out/src/sharded-subscriber.ts, like redis-watch.ts,', OF_CLUSTER_SLOTS],
];

/** @returns what is wrong, or nothing */
async function faultOf(holds: () => Promise<boolean>): Promise<string | undefined> {
  const late = milliseconds(PATIENCE_MS).then(() => 'nothing happened');
  const found = holds().then(
    (isTrue) => (isTrue ? undefined : 'it does something else'),
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return Promise.race([found, late]);
}

describe.each(ALL)(`ioredis ${version} is as %s assumes`, (file, assumptions) => {
  it.each(Object.entries(assumptions))('%s', async (sentence, holds) => {
    const fault = await faultOf(holds);
    if (fault === undefined) return;
    throw new Error(`${file} relies on this, which ioredis ${version} does not do: ${sentence} (found: ${fault}).`);
  });
});
