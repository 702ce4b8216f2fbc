import type { Socket } from 'node:net';
import { type Cluster, Command, Redis } from 'ioredis';

/*
 * What the product relies on of ioredis beyond its documented interface: all of it stands here, each member with what it
 * does and which file needs it. `test/ioredis-internals.test.ts` holds every entry against the installed version, so that
 * an update of ioredis which changes one fails with its name. No other file reaches into ioredis.
 */

/**
 * A command as its own time-out sees it, for `patient-timeout.ts`.
 *
 * ioredis calls `Command.prototype.setTimeout(commandTimeout)` when a command is sent, or sent again.
 */
export interface TimedCommand {
  /** Cleared and deleted by ioredis as soon as the command settles. */
  _commandTimeoutTimer?: NodeJS.Timeout | undefined;
  /** True from the moment the command has been resolved or rejected. */
  readonly isSettled: boolean;
  /** Settles the command; a reply that comes later is dropped, and those after it reach their own commands. */
  reject(error: Error): void;
}

/**
 * A connection as its time-out for silence sees it, for `patient-timeout.ts`.
 *
 * ioredis calls `Redis.prototype.setSocketTimeout()` when a command is written while `socketTimeoutTimer` is undefined.
 */
export interface TimedConnection {
  /** The socket of this connection; each new connection has another. */
  readonly stream: Socket;
  readonly options: { readonly socketTimeout: number };
  /** Commands that were written and have no reply. Shortened before any `data` listener added later runs. */
  readonly commandQueue: { readonly length: number };
  /** Cleared and set to undefined by ioredis when the connection closes. */
  socketTimeoutTimer?: NodeJS.Timeout | undefined;
  setSocketTimeout(): void;
}

/** Replaces how every command of this process, also of a cluster's own connections, arms its time-out. */
export function replaceCommandTimeout(arm: (command: TimedCommand, ms: number) => void): void {
  Object.assign(Command.prototype, {
    setTimeout(this: TimedCommand, ms: number): void {
      arm(this, ms);
    },
  });
}

/** Replaces how every connection of this process, also a cluster's own ones, arms its time-out for silence. */
export function replaceSocketTimeout(arm: (connection: TimedConnection) => void): void {
  Object.assign(Redis.prototype, {
    setSocketTimeout(this: TimedConnection): void {
      arm(this);
    },
  });
}

/**
 * Calls back with every error that a server replies, also to commands that ioredis sends by itself and to those of a
 * cluster's own connections, before anybody else has the error. For `create-redis.ts`.
 *
 * ioredis calls `Redis.prototype.handleReconnection(error, item)` for each such reply, and puts the command's name and
 * arguments beside the error before.
 */
export function onErrorReply(listener: (error: unknown) => void): void {
  const { prototype } = Redis as unknown as { prototype: { handleReconnection(error: unknown, item: unknown): void } };
  const { handleReconnection } = prototype;
  prototype.handleReconnection = function (this: unknown, error, item): void {
    listener(error);
    handleReconnection.call(this, error, item);
  };
}

/**
 * A command that is not made by ioredis and is sent by it, for `pipelined-script.ts`: every member that ioredis uses of
 * one. It reads some more, which may be absent.
 */
export interface ForeignCommand {
  /** In lower case. */
  readonly name: string;
  /** ioredis puts these beside an error; nothing else looks at them. */
  readonly args: readonly string[];
  /** Told how replies of this connection are decoded. */
  setReplyContext(): void;
  /** Told the connection's `commandTimeout`, if there is one, before the command is written. */
  setTimeout(ms: number): void;
  /** Asked once each time the command is written; the answer goes to {@link ForeignPipeline.write}. */
  toWritable(): string;
  /** @param reply a string is a Buffer */
  resolve(reply: unknown): void;
  /** What Redis refused, or why there is no reply: no connection, or one that was lost. */
  reject(error: Error): void;
}

/** What ioredis writes a command into instead of the socket, as it does for its own pipelines. */
export interface ForeignPipeline {
  readonly isPipeline: true;
  readonly destination: { readonly redis: Redis };
  write(text: string): void;
}

/**
 * Has ioredis treat the command as one of its own: it is refused without a connection, waits in the offline queue if
 * there is one, is written into the pipeline, and gets the reply, or the failure, in its turn.
 */
export function sendForeign(client: Redis, command: ForeignCommand, pipeline: ForeignPipeline): void {
  client.sendCommand(command as unknown as Command, pipeline as never);
}

/** Writes to the connection's socket, past ioredis. */
export function writeToSocket(client: Redis, text: string, encoding: 'latin1' | 'utf8'): void {
  client.stream.write(text, encoding);
}

/** Whether the client is one connection of ioredis: no cluster, and no stand-in, which the simulation has. */
export function isConnection(client: Redis | Cluster): client is Redis {
  return !('nodes' in client) && 'sendCommand' in client;
}

/**
 * Puts a handler between the socket and ioredis' parser, for `message-interceptor.ts`.
 *
 * The parser is the first `data` listener of `stream` from `ready` on, is told of nothing but chunks, and may be given
 * them cut anywhere. Every connection has another socket with another parser, so this is done on each `ready`.
 *
 * @param makeHandler is given the parser, and makes what gets the socket's bytes instead
 */
export function interceptData(
  client: Redis,
  makeHandler: (parse: (chunk: Buffer) => void) => (chunk: Buffer) => void,
): void {
  const { stream } = client;
  const [parse] = stream.listeners('data') as ((chunk: Buffer) => void)[];
  if (!parse) return;
  stream.removeListener('data', parse);
  // In the parser's place, which is before the listener of the time-out for silence.
  stream.prependListener('data', makeHandler(parse));
}

/** The shard channels that the connection is subscribed to, as far as the server has told, for fan-out's shards. */
export function shardChannels(client: Redis): readonly string[] {
  const subscriber = client.condition?.subscriber;
  return subscriber ? subscriber.channels('ssubscribe') : [];
}

/**
 * Calls back when the server has ended a shard channel's subscription, or refuses one, because its slot has moved: once
 * for each channel, when {@link shardChannels} has none of it any more.
 */
export function onSlotMoved(client: Redis, listener: () => void): void {
  client.on('moved', listener);
}

/** Calls back each time the cluster's map of slots was read, whether it changed or not. */
export function onSlotsRead(cluster: Cluster, listener: () => void): void {
  cluster.on('refresh', listener);
}

/** The `host:port` of the master of each slot, by slot; nothing for one that nobody is known to have. */
export function slotOwners(cluster: Cluster): readonly (string | undefined)[] {
  return Array.from({ length: cluster.slots.length }, (_, slot) => cluster.slots[slot]?.[0]);
}
