import type { Parser } from './parsers.js';

/** The processes that read the environment. */
export type ServiceName = 'gateway' | 'session-api' | 'sweeper';

/** One variable: how `loadConfig` reads it, and how the README shows it. */
export interface Variable<T> {
  readonly parser: Parser<T>;
  /** The value of an unset or empty variable. */
  readonly fallback: T | ((service: ServiceName) => T);
  /** How the README shows the fallback. Absent: as its text. */
  readonly shown?: string;
  /** Shown in the README. */
  readonly meaning: string;
  /** The processes that act on it. */
  readonly services: readonly ServiceName[];
}

/** Makes one, with its type. */
export function variable<T>(
  parser: Parser<T>,
  fallback: T | ((service: ServiceName) => T),
  services: readonly ServiceName[],
  meaning: string,
  shown?: string,
): Variable<T> {
  return { parser, fallback, services, meaning, ...(shown === undefined ? {} : { shown }) };
}

export const ALL = ['gateway', 'session-api', 'sweeper'] as const;
export const PUBLIC = ['gateway', 'session-api'] as const;
export const GATEWAY = ['gateway'] as const;
export const SESSION_API = ['session-api'] as const;
export const SWEEPER = ['sweeper'] as const;
