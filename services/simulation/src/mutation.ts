import type { FanOut } from '@holdfast/fan-out';
import type { Clock, Socket } from '@holdfast/gateway';
import type { NameScope, SessionLog } from '@holdfast/session-store';

/**
 * A rule that is broken on purpose for a run. Each function that is given replaces a part. The audit has to notice it.
 */
export interface Mutation {
  /** What is broken, in a few words. */
  readonly name: string;
  /** The rule that is broken, of docs/design or SPEC.md. */
  readonly rule: string;
  /** Seeds that showed it in the first scenario when they were written down. The test begins with these. */
  readonly shownBy?: readonly number[];
  /** How many faults each seed has, if seeds seldom show it with the faults that they draw. */
  readonly faults?: number;
  /** Where the names of a deployment are said to be valid (K7). */
  readonly scope?: (scope: NameScope) => NameScope;
  /** What the store takes for `SESSION_MAX_BYTES`, in place of the plan's. */
  readonly sessionMaxBytes?: (bytes: number) => number;
  /** The store as the server runs it. */
  readonly store?: (store: SessionLog) => SessionLog;
  /** The store as a gateway sees it. */
  readonly sessionLog?: (log: SessionLog) => SessionLog;
  readonly fanOut?: (fanOut: FanOut) => FanOut;
  readonly clock?: (clock: Clock) => Clock;
  readonly socket?: (socket: Socket) => Socket;
  /** Rewrites the query of an upgrade request. */
  readonly query?: (query: string) => string;
  /** Replaces methods of classes. @returns restores them */
  readonly patch?: () => () => void;
}

/** The mutation that breaks nothing. */
export const SOUND: Mutation = { name: 'sound', rule: '' };

/** A copy of an object in which some methods are replaced. */
export function changed<T extends object>(whole: T, methods: Partial<T>): T {
  return new Proxy(whole, {
    get: (target, name) => {
      if (name in methods) return Reflect.get(methods, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

type Methods<T> = { [K in keyof T]?: T[K] extends (...args: infer A) => infer R ? (this: T, ...args: A) => R : never };

/** Replaces methods of a class. @returns restores them */
export function replaced<T extends object>(prototype: T, methods: Methods<T>): () => void {
  const before = Object.keys(methods).map((name) => [name, Object.getOwnPropertyDescriptor(prototype, name)] as const);
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(prototype, name, descriptor);
      // An inherited method needs no copy: without the replacement it is inherited again.
      else Reflect.deleteProperty(prototype, name);
    }
  };
}
