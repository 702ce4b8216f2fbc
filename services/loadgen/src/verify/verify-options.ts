import {
  type Argument,
  ArgumentError,
  describeArguments,
  readArguments,
  readNumber,
  readUrl,
} from '../command-line.js';
import { type DeliveryNumber, numberProblem } from '../delivery/delivery-options.js';

export interface VerifyOptions {
  /** The front door, without a slash at its end. */
  readonly url: string;
  /** Addresses that the members of the delivery check connect to. Default: the front door. */
  readonly gateways: readonly string[];
  readonly token: string | undefined;
  /** Numeric options of the delivery check. Absent ones have their defaults. */
  readonly numbers: Partial<Record<DeliveryNumber, number>>;
}

const ARGUMENTS = {
  url: { takes: 'URL', meaning: 'the front door (default http://localhost:8000)' },
  gateway: {
    takes: 'URL',
    meaning: 'ws:// address for the delivery check; may be repeated (default: the front door)',
    multiple: true,
  },
  token: { takes: 'TOKEN', meaning: 'for deployments that ask for one; with the scopes read, write and admin' },
  sessions: { takes: 'N', meaning: 'sessions of the delivery check (default 12)' },
  members: { takes: 'N', meaning: 'members of each session (default 4)' },
  rate: { takes: 'N', meaning: 'messages a second, of all members together (default 100)' },
  seconds: { takes: 'N', meaning: 'how long they send (default 20)' },
  'disconnect-every': { takes: 'N', meaning: 'mean seconds between two disconnects of a member, 0: none (default 5)' },
  seed: { takes: 'N', meaning: 'repeats who sends and who is disconnected (default: drawn, and printed)' },
} as const satisfies Record<string, Argument>;

const NUMBERS: readonly (readonly [keyof typeof ARGUMENTS, DeliveryNumber])[] = [
  ['sessions', 'sessions'],
  ['members', 'members'],
  ['rate', 'rate'],
  ['seconds', 'seconds'],
  ['disconnect-every', 'disconnectEvery'],
  ['seed', 'seed'],
];

export const VERIFY_HELP = `npm run verify -- [ARGUMENTS]

Checks a running deployment from outside: six checks of Redis persistence through the front door, then the delivery
check: members that send, lose their connections and come back, and an audit of whether every accepted message was
stored and shown exactly once, in order. Ends with 0 when everything holds, 1 when something does not, 2 for a wrong
argument. Leaves no session behind when all is well.

${describeArguments(ARGUMENTS)}
  --help`;

/**
 * @returns nothing when help was asked for
 * @throws ArgumentError naming the argument
 */
export function readVerifyOptions(argv: readonly string[]): VerifyOptions | undefined {
  const given = readArguments(ARGUMENTS, argv);
  if (given.help) return undefined;
  const front = readUrl('url', given.url?.[0] ?? 'http://localhost:8000', ['http:', 'https:']);
  const url = front.href.replace(/\/+$/, '');
  const gateways = given.gateway?.map((text) => readUrl('gateway', text, ['ws:', 'wss:']).href);
  const numbers: Partial<Record<DeliveryNumber, number>> = {};
  for (const [argument, name] of NUMBERS) {
    const text = given[argument]?.[0];
    if (text === undefined) continue;
    const value = readNumber(argument, text);
    const problem = numberProblem(name, value);
    if (problem !== undefined) throw new ArgumentError(`--${argument} ${problem}, not ${text}`);
    numbers[name] = value;
  }
  return { url, gateways: gateways ?? [`${url.replace(/^http/, 'ws')}/ws/chat/`], token: given.token?.[0], numbers };
}
