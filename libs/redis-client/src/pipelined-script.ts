import type { Cluster, Redis } from 'ioredis';
import { ArgumentEncoder, encodeArguments, type ScriptArgument } from './encoded-arguments.js';
import {
  type ForeignCommand,
  type ForeignPipeline,
  isConnection,
  sendForeign,
  writeToSocket,
} from './ioredis-internals.js';
import { patientTimeout } from './patient-timeout.js';
import { commandTimedOut } from './redis-errors.js';

/** `EVALSHA`, the script's hash and its number of keys. */
const HEAD_PARTS = 3;
/** How much later than due a call may be given up, in milliseconds: one timer watches all of them. */
const TIMEOUT_STEP_MS = 50;

/**
 * Calls one Lua script over one connection, at a fraction of what a command of ioredis costs: the calls of one turn of
 * the event loop are one write, and a call has no promise, timer or copy of its arguments inside ioredis.
 *
 * Everything else is as with any other command, because each call is in the connection's own queue: time-outs, refusal
 * without a connection, and what becomes of calls when the connection is lost.
 */
export class PipelinedScript {
  readonly #client: Redis;
  /** What each call begins with on the wire, after the number of its parts. */
  readonly #head: string;
  readonly #pipeline: ForeignPipeline;
  /** What the calls of this turn have written so far. */
  #text = '';
  #isCollecting = false;
  /** Calls of this turn. */
  #calls: Call[] = [];
  /** Calls with a time-out, oldest first. Those that were answered meanwhile stay until the timer runs. */
  #timed: Call[] = [];
  #timer: NodeJS.Timeout | undefined;

  private constructor(client: Redis, sha: string, keys: number) {
    this.#client = client;
    this.#head = encodeArguments('EVALSHA', sha, keys).text;
    this.#pipeline = {
      isPipeline: true,
      destination: { redis: client },
      write: (text) => {
        if (this.#isCollecting) this.#text += text;
        // The call has waited in the offline queue, and ioredis sends it now that there is a connection.
        else writeToSocket(client, text, 'utf8');
      },
    };
  }

  /**
   * @param sha hash of a script that the server may not have: calls reject then, see `isScriptUnknown`
   * @param keys how many arguments of each call are keys
   * @returns nothing for a cluster, whose client must find each key's node, and for a client that is not of ioredis
   */
  static over(client: Redis | Cluster, sha: string, keys: number): PipelinedScript | undefined {
    return isConnection(client) ? new PipelinedScript(client, sha, keys) : undefined;
  }

  /**
   * Calls the script. Effects are in the order of the calls.
   *
   * @param args the keys first
   * @returns the script's reply, which must be a string
   * @throws {Error} what Redis refused, or why there is no reply: see `redisErrorKind`
   */
  call(args: readonly ScriptArgument[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#calls.push(new Call(new ArgumentEncoder(this.#head).addAll(args), resolve, reject));
      if (this.#calls.length === 1) process.nextTick(() => this.#flush());
    });
  }

  #flush(): void {
    const calls = this.#calls;
    this.#calls = [];
    this.#isCollecting = true;
    let isAscii = true;
    for (const call of calls) {
      isAscii &&= call.isAscii;
      sendForeign(this.#client, call, this.#pipeline);
      if (call.timeoutMs > 0) this.#watch(call);
    }
    this.#isCollecting = false;
    const text = this.#text;
    this.#text = '';
    // ASCII is the same bytes in either encoding, and is copied faster as latin1.
    if (text !== '') writeToSocket(this.#client, text, isAscii ? 'latin1' : 'utf8');
  }

  #watch(call: Call): void {
    this.#timed.push(call);
    this.#timer ??= patientTimeout(() => this.#giveUp(), call.timeoutMs);
  }

  /** Rejects the calls whose time is over, and forgets those that were answered before the oldest that still waits. */
  #giveUp(): void {
    const now = performance.now();
    const firstWaiting = this.#timed.findIndex((call) => !call.isSettled && call.dueMs > now);
    const over = firstWaiting < 0 ? this.#timed : this.#timed.slice(0, firstWaiting);
    this.#timed = firstWaiting < 0 ? [] : this.#timed.slice(firstWaiting);
    for (const call of over) if (!call.isSettled) call.reject(commandTimedOut());
    const [oldest] = this.#timed;
    this.#timer = oldest && patientTimeout(() => this.#giveUp(), Math.max(TIMEOUT_STEP_MS, oldest.dueMs - now));
  }
}

/** One call, in the shape of a command of ioredis. */
class Call implements ForeignCommand {
  readonly name = 'evalsha';
  /** ioredis shows these with an error. They hold what members wrote, so that none are shown. */
  readonly args: readonly string[] = [];
  /** Milliseconds; 0: no time-out, or the call was not sent yet. */
  timeoutMs = 0;
  /** Monotonic milliseconds. */
  dueMs = 0;
  isSettled = false;
  readonly isAscii: boolean;
  #text: string;
  readonly #resolve: (reply: string) => void;
  readonly #reject: (error: Error) => void;

  constructor(args: ArgumentEncoder, resolve: (reply: string) => void, reject: (error: Error) => void) {
    this.isAscii = args.isAscii;
    this.#text = `*${HEAD_PARTS + args.count}\r\n${args.text}`;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  setReplyContext(): void {
    // A string is the same in every protocol and mapping.
  }

  setTimeout(ms: number): void {
    this.timeoutMs = ms;
    this.dueMs = performance.now() + ms;
  }

  toWritable(): string {
    const text = this.#text;
    // Written once only (A5): what waits for its reply keeps no copy.
    this.#text = '';
    return text;
  }

  resolve(reply: unknown): void {
    this.isSettled = true;
    this.#resolve(String(reply));
  }

  reject(error: Error): void {
    this.isSettled = true;
    this.#reject(error);
  }
}
