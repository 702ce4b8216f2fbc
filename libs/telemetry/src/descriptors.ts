import { readdir, readFile } from 'node:fs/promises';
import type { Server } from 'node:net';

/** Descriptors that connections of clients never get: they are for Redis, the admin port, name lookups and files. */
const RESERVE = 64;
/** The reserve is no more than this part of all descriptors. */
const RESERVE_PART = 1 / 4;
/** With fewer left, new members are refused; at a small limit it is this part of all descriptors. */
const LAST_ONES = 64;
const LAST_PART = 1 / 8;

/** What the system tells about the descriptors of this process. */
export interface DescriptorSource {
  /** How many the process may have; undefined where that is not known. */
  limit(): Promise<number | undefined>;
  /** How many it has. Rejects when there is none left to look with. */
  count(): Promise<number>;
}

/** Linux tells all of it in files; elsewhere the limit is taken from Node's report, and `/dev/fd` lists what is open. */
export const systemDescriptors: DescriptorSource = {
  async limit() {
    if (process.platform !== 'linux') return reportedLimit();
    // Node has raised the soft limit to the hard one when it started.
    const soft = /^Max open files\s+(\S+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
  },
  count: async () => (await readdir('/dev/fd')).length,
};

let reported: number | undefined;

function reportedLimit(): number | undefined {
  if (process.platform === 'win32') return undefined;
  // A report takes a while to make, and nothing outside of Linux changes the limit of a running process.
  reported ??= Number((process.report.getReport() as Report).userLimits?.open_files?.soft);
  return Number.isFinite(reported) ? reported : undefined;
}

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | string } };
}

/**
 * The file descriptors of this process (B7): how many connections of clients may still take. Connections are counted one
 * by one; whatever else the process has open is looked at from time to time.
 */
export class Descriptors {
  readonly #source: DescriptorSource;
  #limit = Number.POSITIVE_INFINITY;
  #others = 0;
  #connections = 0;

  private constructor(source: DescriptorSource) {
    this.#source = source;
  }

  static async watch(source = systemDescriptors): Promise<Descriptors> {
    const descriptors = new Descriptors(source);
    await descriptors.look();
    return descriptors;
  }

  /** How many this process may have; infinite where that is not known. */
  get limit(): number {
    return this.#limit;
  }

  /** How many connections may still take; not above 0 when none may be accepted. */
  get free(): number {
    return this.#limit - Math.min(RESERVE, Math.floor(this.#limit * RESERVE_PART)) - this.#others - this.#connections;
  }

  /** With fewer {@link free} ones than this, connections are refused instead of being served. */
  get last(): number {
    return Math.min(LAST_ONES, Math.floor(this.#limit * LAST_PART));
  }

  /** A connection was accepted; answered by one {@link giveBack}. */
  take(): void {
    this.#connections += 1;
  }

  giveBack(): void {
    this.#connections -= 1;
  }

  /** Looks at what the process has open. Called every few seconds. */
  async look(): Promise<void> {
    this.#limit = (await this.#source.limit().catch(() => this.#limit)) ?? Number.POSITIVE_INFINITY;
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    // Whoever cannot look has none left.
    const open = await this.#source.count().catch(() => this.#limit);
    // What was closed a moment ago, such as a connection to Redis, will be opened again: it is given up slowly.
    this.#others = Math.max(open - this.#connections, this.#others - 1, 0);
  }
}

/**
 * Counts the connections of a server of Node's, and drops those for which no descriptor is left. Node itself accepts and
 * drops what comes without one, in silence.
 *
 * @param each descriptors that one connection may need
 */
export function limitConnections(server: Server, descriptors: Descriptors, each = 1): void {
  server.on('connection', (socket) => {
    for (let taken = 0; taken < each; taken++) descriptors.take();
    socket.once('close', () => {
      for (let taken = 0; taken < each; taken++) descriptors.giveBack();
    });
    if (descriptors.free <= 0) socket.destroy();
  });
}
