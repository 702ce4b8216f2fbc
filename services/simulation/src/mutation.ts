import type { FanOut } from '@holdfast/fan-out';
import type { Clock, Socket } from '@holdfast/gateway';
import type { SessionLog } from '@holdfast/session-store';

/**
 * A rule broken on purpose, for one run: what is given replaces a part at one of its seams. The audit has to catch it.
 */
export interface Mutation {
  /** What is broken, in a few words. */
  readonly name: string;
  /** The rule that is broken, of docs/design or SPEC.md. */
  readonly rule: string;
  /** Seeds that showed it, when it was written down: the test begins with them. */
  readonly shownBy?: readonly number[];
  /** How many faults each seed has, where few show it with those it draws. */
  readonly faults?: number;
  /** The store as the server runs it. */
  readonly store?: (store: SessionLog) => SessionLog;
  /** The store as a gateway sees it. */
  readonly sessionLog?: (log: SessionLog) => SessionLog;
  readonly fanOut?: (fanOut: FanOut) => FanOut;
  readonly clock?: (clock: Clock) => Clock;
  readonly socket?: (socket: Socket) => Socket;
  /** Rewrites the query of an upgrade request. */
  readonly query?: (query: string) => string;
  /** Replaces methods of the parts themselves. @returns puts them back */
  readonly patch?: () => () => void;
}

/** Nothing is broken. */
export const SOUND: Mutation = { name: 'sound', rule: '' };

/** The same thing with some of its methods replaced. */
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

/** Replaces methods of a class. @returns puts them back */
export function replaced<T extends object>(prototype: T, methods: Methods<T>): () => void {
  const before = Object.keys(methods).map((name) => [name, Object.getOwnPropertyDescriptor(prototype, name)] as const);
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(prototype, name, descriptor);
      // What a class inherits it gets back from there.
      else Reflect.deleteProperty(prototype, name);
    }
  };
}
