import {
  type Argument,
  ArgumentError,
  describeArguments,
  readArguments,
  readNumber,
  readUrl,
} from '../command-line.js';

export interface IdleOptions {
  /** WebSocket address of one gateway. */
  readonly url: string;
  /** Address of its `/metrics`. */
  readonly metrics: string;
  readonly connections: number;
  /** Connections a second, of all processes together. */
  readonly rate: number;
  /** Connections that share a session. */
  readonly members: number;
  readonly persistence: boolean;
  /** How long all of them stay before the memory is read, seconds. */
  readonly hold: number;
}

const ARGUMENTS = {
  url: { takes: 'URL', meaning: 'WebSocket address of one gateway (default ws://127.0.0.1:8100/ws/chat/)' },
  metrics: { takes: 'URL', meaning: 'its metrics (default http://127.0.0.1:9100/metrics)' },
  connections: { takes: 'N', meaning: 'how many to open (default 19800: a process may have 20000 open files)' },
  rate: { takes: 'N', meaning: 'connections a second (default 1000)' },
  members: { takes: 'N', meaning: 'connections that share a session (default 4)' },
  persistence: { takes: 'WORD', meaning: 'redis or none (default redis)' },
  hold: { takes: 'N', meaning: 'seconds all of them stay before the memory is read (default 10)' },
} as const satisfies Record<string, Argument>;

const DEFAULTS = { connections: 19_800, rate: 1_000, members: 4, hold: 10 } as const;
const MOST = { connections: 1_000_000, rate: 100_000, members: 1_000_000, hold: 86_400 } as const;

export const IDLE_HELP = `npm run bench:idle -- [ARGUMENTS]

Opens idle connections to one gateway, spread over child processes, and tells how much resident memory each costs it.
Start the gateway anew before: memory that earlier connections have left free would count as none.

${describeArguments(ARGUMENTS)}
  --help`;

/**
 * @returns nothing when help was asked for
 * @throws ArgumentError naming the argument
 */
export function readIdleOptions(argv: readonly string[]): IdleOptions | undefined {
  const given = readArguments(ARGUMENTS, argv);
  if (given.help) return undefined;
  const number = (name: keyof typeof DEFAULTS): number => {
    const value = readNumber(name, given[name]?.[0] ?? String(DEFAULTS[name]));
    if (!Number.isInteger(value) || value < 1 || value > MOST[name]) {
      throw new ArgumentError(`--${name} must be a whole number from 1 to ${MOST[name]}, not ${value}`);
    }
    return value;
  };
  const persistence = given.persistence?.[0] ?? 'redis';
  if (persistence !== 'redis' && persistence !== 'none') {
    throw new ArgumentError(`--persistence must be redis or none, not "${persistence}"`);
  }
  return {
    url: readUrl('url', given.url?.[0] ?? 'ws://127.0.0.1:8100/ws/chat/', ['ws:', 'wss:']).href,
    metrics: readUrl('metrics', given.metrics?.[0] ?? 'http://127.0.0.1:9100/metrics', ['http:', 'https:']).href,
    connections: number('connections'),
    rate: number('rate'),
    members: number('members'),
    persistence: persistence === 'redis',
    hold: number('hold'),
  };
}
