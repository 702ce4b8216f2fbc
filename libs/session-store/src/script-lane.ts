import type { Cluster, Redis } from 'ioredis';

/** What {@link ScriptLane} is to ioredis: a pipeline's stream, into which commands are written instead of the socket. */
interface Pipe {
  readonly isPipeline: true;
  readonly destination: { readonly redis: Redis };
  write(text: string): void;
}

/** What ioredis calls of a command that is sent. */
interface Sendable {
  readonly name: string;
  readonly args: readonly string[];
  setReplyContext(): void;
  setTimeout(ms: number): void;
  toWritable(): string;
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** Arguments that stay the same from call to call, with how they go over the wire. */
export interface KnownArguments {
  readonly values: readonly (string | number)[];
  readonly text: string;
  readonly isAscii: boolean;
}

export type ScriptArgument = string | number | KnownArguments;

export function knownArguments(...values: (string | number)[]): KnownArguments {
  const writing = new Writing();
  for (const value of values) writing.add(value);
  // In one piece: what was put together is kept as its pieces otherwise.
  return { values, text: Buffer.from(writing.text).toString(), isAscii: writing.isAscii };
}

/** The arguments one by one. */
export function plainArguments(args: readonly ScriptArgument[]): (string | number)[] {
  return args.flatMap((arg) => (typeof arg === 'object' ? arg.values : arg));
}

const NAME = 'evalsha';
/** `EVALSHA`, the script and its number of keys. */
const EVALSHA_PARTS = 3;
/** How much later than due a command may be given up: one timer watches all of them. */
const TIMEOUT_STEP_MS = 50;
/** Turns of the event loop in which sockets are read before anything is given up; each reads a thousand of them or more. */
const TURNS = 5;

/**
 * Calls one script over a connection of ioredis, at a fraction of what a command of ioredis costs: the calls of one
 * turn are one write, without a promise, a timer or a copy of the arguments for each. Everything else, from time-outs
 * to what is lost with the connection, is as with any other command: each call is in the connection's own queue.
 */
export class ScriptLane {
  readonly #client: Redis;
  /** What each call begins with, after the number of its parts. */
  readonly #head: string;
  readonly #pipe: Pipe;
  #text = '';
  #collecting = false;
  #waiting: Call[] = [];
  /** Sent, oldest first; those that were answered meanwhile too. */
  #sent: Call[] = [];
  #front = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(client: Redis, sha: string, keys: number) {
    this.#client = client;
    this.#head = knownArguments('EVALSHA', sha, keys).text;
    this.#pipe = {
      isPipeline: true,
      destination: { redis: client },
      write: (text) => {
        if (this.#collecting) this.#text += text;
        // It was called before there was a connection, and ioredis sends it now that there is one.
        else this.#client.stream.write(text);
      },
    };
  }

  /**
   * @param sha of a script that the server may not have yet: calls reject with `NOSCRIPT` then
   * @param keys how many arguments of each call are keys
   * @returns nothing where calls must find their way by themselves: in a cluster, or with another kind of client
   */
  static over(client: Redis | Cluster, sha: string, keys: number): ScriptLane | undefined {
    return 'nodes' in client || !('sendCommand' in client) ? undefined : new ScriptLane(client, sha, keys);
  }

  /**
   * Calls the script; effects are in the order of the calls.
   *
   * @param args its keys first
   * @returns the reply, which must be a string
   */
  call(args: readonly ScriptArgument[]): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Call(new Writing(this.#head).addAll(args), resolve, reject));
      if (this.#waiting.length === 1) process.nextTick(() => this.#flush());
    });
  }

  #flush(): void {
    const calls = this.#waiting;
    this.#waiting = [];
    const send = this.#client.sendCommand as unknown as (command: Sendable, pipe: Pipe) => unknown;
    this.#collecting = true;
    let isAscii = true;
    for (const call of calls) {
      isAscii &&= call.isAscii;
      send.call(this.#client, call, this.#pipe);
      if (call.timeoutMs > 0) this.#watch(call);
    }
    this.#collecting = false;
    const text = this.#text;
    this.#text = '';
    // The same bytes, and quicker to copy.
    if (text !== '') this.#client.stream.write(text, isAscii ? 'latin1' : 'utf8');
  }

  #watch(call: Call): void {
    this.#sent.push(call);
    this.#timer ??= this.#wake(call.timeoutMs);
  }

  #giveUp(): void {
    const now = performance.now();
    for (let call = this.#sent[this.#front]; call; call = this.#sent[this.#front]) {
      if (!call.settled && call.dueMs > now) break;
      if (!call.settled) call.reject(new Error('Command timed out'));
      this.#front += 1;
    }
    this.#sent = this.#sent.slice(this.#front);
    this.#front = 0;
    const [oldest] = this.#sent;
    this.#timer = oldest && this.#wake(Math.max(TIMEOUT_STEP_MS, oldest.dueMs - now));
  }

  /** Where this process was held up, the answers may have come: they are read before anything is given up. */
  #wake(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#giveUpAfter(TURNS), ms);
  }

  #giveUpAfter(turns: number): void {
    if (turns === 0) this.#giveUp();
    else setImmediate(() => this.#giveUpAfter(turns - 1));
  }
}

class Call implements Sendable {
  readonly name = NAME;
  /** What ioredis shows with an error: nothing, as arguments hold what members wrote. */
  readonly args: readonly string[] = [];
  timeoutMs = 0;
  dueMs = 0;
  settled = false;
  readonly isAscii: boolean;
  #text: string;
  readonly #resolve: (reply: string) => void;
  readonly #reject: (error: Error) => void;

  constructor(writing: Writing, resolve: (reply: string) => void, reject: (error: Error) => void) {
    this.isAscii = writing.isAscii;
    this.#text = `*${EVALSHA_PARTS + writing.count}\r\n${writing.text}`;
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
    this.#text = '';
    return text;
  }

  resolve(reply: unknown): void {
    this.settled = true;
    this.#resolve(String(reply));
  }

  reject(error: Error): void {
    this.settled = true;
    this.#reject(error);
  }
}

/** Arguments as they go over the wire. */
class Writing {
  text: string;
  isAscii = true;
  count = 0;

  constructor(head = '') {
    this.text = head;
  }

  add(value: string | number): void {
    const text = typeof value === 'string' ? value : String(value);
    const bytes = Buffer.byteLength(text);
    this.isAscii &&= bytes === text.length;
    this.count += 1;
    this.text += `$${bytes}\r\n${text}\r\n`;
  }

  addAll(args: readonly ScriptArgument[]): this {
    for (const arg of args) {
      if (typeof arg !== 'object') this.add(arg);
      else {
        this.isAscii &&= arg.isAscii;
        this.count += arg.values.length;
        this.text += arg.text;
      }
    }
    return this;
  }
}
