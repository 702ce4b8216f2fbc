import { isSessionId } from '@holdfast/protocol';
import { drawSeed } from '@holdfast/testkit';
import { urlOf } from '../command-line.js';
import { type HistoryReader, HttpHistory } from './history-reader.js';

/** The progress of a check, counted from its start. */
export interface DeliveryProgress {
  readonly seconds: number;
  readonly connected: number;
  readonly members: number;
  readonly sent: number;
  readonly accepted: number;
  /** Messages shown to members. */
  readonly shown: number;
  readonly disconnects: number;
}

export interface DeliveryOptions {
  /**
   * WebSocket addresses of gateways, or of a front door. Members start at them in turn, and move from one to the next.
   */
  readonly gateways: readonly string[];
  /** Base URL of the HTTP API, such as `http://localhost:8000/api`, or another reader of the histories. */
  readonly history: string | HistoryReader;
  /** How many sessions there are. Default 12. */
  readonly sessions?: number;
  /** How many members each session has. Default 4. */
  readonly members?: number;
  /** Messages a second of all members together. Default 100. */
  readonly rate?: number;
  /** How long {@link runDeliveryCheck} sends. Default 20. A {@link DeliveryLoad} sends until it is finished. */
  readonly seconds?: number;
  /** Length of each message's content, which begins with the message's id. Default 64. */
  readonly contentBytes?: number;
  /** Mean seconds between two disconnects of a member. 0: no member is disconnected. Default 5. */
  readonly disconnectEvery?: number;
  /** Longest time that a member stays away after it has closed or reloaded, in milliseconds. Default 1500. */
  readonly awayMs?: number;
  /** Seconds in which everything has to arrive after the last message, or else is a violation. Default 30. */
  readonly settleSeconds?: number;
  /**
   * Decides which members send, which are disconnected, and how. From 0 to 4294967295. Default: drawn by chance. The
   * report tells it.
   */
  readonly seed?: number;
  /** Prefix of the sessions' ids. The rest is random, so that two checks never share a session. Default `check`. */
  readonly sessionPrefix?: string;
  /** Token for the gateways and the HTTP API, if the deployment needs one. */
  readonly token?: string;
  /**
   * Backoff of the members' clients, see `HoldfastClientOptions`. Defaults 200 and 2000, so that members reconnect
   * often.
   */
  readonly backoffBaseMs?: number;
  readonly backoffMaxMs?: number;
  /** Called about once a second. */
  readonly onProgress?: (progress: DeliveryProgress) => void;
}

/** The options with their defaults. */
export type DeliverySettings = Required<Omit<DeliveryOptions, 'history' | 'token' | 'onProgress'>> &
  Pick<DeliveryOptions, 'token' | 'onProgress'> & { readonly history: HistoryReader };

/** Smallest and largest value of each numeric option, and whether it has to be a whole number. */
const RANGES = {
  sessions: [1, 100_000, true],
  members: [1, 10_000, true],
  rate: [0, 100_000, false],
  seconds: [0, 604_800, false],
  contentBytes: [24, 16_384, true],
  disconnectEvery: [0, 86_400, false],
  awayMs: [0, 60_000, false],
  settleSeconds: [1, 3_600, false],
  seed: [0, 0xffff_ffff, true],
  backoffBaseMs: [1, 60_000, false],
  backoffMaxMs: [1, 600_000, false],
} as const satisfies Partial<Record<keyof DeliveryOptions, readonly [number, number, boolean]>>;

export type DeliveryNumber = keyof typeof RANGES;

/**
 * What is wrong with the value of an option, as the end of a sentence that begins with the option's name. Nothing if
 * the value is right.
 */
export function numberProblem(name: DeliveryNumber, value: number): string | undefined {
  const [min, max, whole] = RANGES[name];
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return undefined;
  return `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`;
}

/** @throws TypeError naming the option that is missing or of the wrong form */
export function settleDelivery(options: DeliveryOptions): DeliverySettings {
  const settings = {
    sessions: 12,
    members: 4,
    rate: 100,
    seconds: 20,
    contentBytes: 64,
    disconnectEvery: 5,
    awayMs: 1_500,
    settleSeconds: 30,
    seed: drawSeed(),
    sessionPrefix: 'check',
    backoffBaseMs: 200,
    backoffMaxMs: 2_000,
    ...options,
  };
  for (const name of Object.keys(RANGES) as DeliveryNumber[]) {
    const problem = numberProblem(name, settings[name]);
    if (problem !== undefined) throw new TypeError(`${name} ${problem}, not ${settings[name]}`);
  }
  if (settings.gateways.length === 0) throw new TypeError('gateways must name at least one address');
  for (const gateway of settings.gateways) {
    if (!/^wss?:\/\//.test(gateway) || !urlOf(gateway)) {
      throw new TypeError(`gateways must be addresses that begin with ws:// or wss://, not ${gateway}`);
    }
  }
  if (!isSessionId(settings.sessionPrefix) || settings.sessionPrefix.length > 64) {
    throw new TypeError('sessionPrefix must be 1 to 64 of A-Z a-z 0-9 . _ ~ -');
  }
  const { history } = settings;
  return { ...settings, history: typeof history === 'string' ? new HttpHistory(history, settings.token) : history };
}
