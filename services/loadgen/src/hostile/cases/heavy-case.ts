/** The servers that a case loads: processes of their own, which nobody else uses. */
export interface CaseTarget {
  readonly gatewayPort: number;
  readonly gatewayAdminPort: number;
  readonly apiPort: number;
  readonly redisPort: number;
  readonly redisPid: number;
}

/** What a case has shown. */
export interface CaseOutcome {
  /** For the table: what was done, and how it was answered. */
  readonly note: string;
  /** What must not be, one sentence each. */
  readonly wrong: readonly string[];
}

/**
 * The load of a case.
 *
 * @param endsAtMs when nothing more is begun, by `performance.now()`
 */
export type CaseLoad = (endsAtMs: number) => Promise<CaseOutcome>;

/** One heavy session, or one client that asks for much. */
export interface HeavyCase {
  /** One line for the help and the documents. */
  readonly about: string;
  /** Most files and sockets that the gateway may have open. Absent: as many as this machine allows. */
  readonly openFiles?: number;
  /** Whether Redis is halted or emptied: then the honest chat has pending messages, and waits. */
  readonly harmsRedis?: true;
  /** Makes what has to be there before the honest chat begins. */
  readonly prepare: (target: CaseTarget) => Promise<CaseLoad>;
}

export const apiUrl = ({ apiPort }: CaseTarget): string => `http://127.0.0.1:${apiPort}/api`;

/** Secret of a client (C1). */
export const secretOf = (name: string): string => `secret-of-client-${name}`;

/** Query of a member whose messages are stored. @param more further fields, each with `&` before it */
export function memberQuery(session: string, client: string, more = ''): string {
  return `session=${session}&redis_persistence=true&client=${secretOf(client)}${more}`;
}

/** Counts things by name. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string, count = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** The counts in words, in the order in which they began: `3,000 welcomed, 12 refused (503)`. */
  toString(): string {
    return [...this.#counts].map(([name, count]) => `${count.toLocaleString('en')} ${name}`).join(', ');
  }
}

/** Seconds for a note. */
export const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
