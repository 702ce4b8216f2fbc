import {
  type ConnectRequest,
  chooseProtocol,
  HTTP_ERRORS,
  type HttpErrorCode,
  type HttpFailure,
  httpFailure,
  parseConnectQuery,
  type WireProtocol,
} from '@holdfast/protocol';
import { RateLimit } from '../connection/send-limits.js';

/** What a client's upgrade request says. */
export interface UpgradeRequest {
  /** Without the question mark. */
  readonly query: string;
  readonly protocolHeader: string;
  /** Empty: not a browser. */
  readonly origin: string;
  readonly host: string;
  readonly forwardedFor: string;
  readonly remoteAddress: string;
}

/** An HTTP answer in place of an upgrade (C4). */
export interface Refusal {
  readonly status: number;
  readonly body: HttpFailure;
  readonly retryAfterSeconds?: number;
}

export type Admitted = {
  readonly protocol: WireProtocol;
  readonly request: ConnectRequest;
  /** Counts against `MAX_CONNECTIONS_PER_IP` until {@link Admission.left}; empty where nothing is counted. */
  readonly address: string;
};

export interface AdmissionOptions {
  readonly allowedOrigins: readonly string[];
  /** Whether `X-Forwarded-For` is the proxy's, and to be believed. */
  readonly trustProxy: boolean;
  /** 0 is no limit. */
  readonly connectionsPerIp: number;
  /** 0 is no limit. */
  readonly connectsPerSecond: number;
}

/** Members that may wait for their welcome while others are let in that had none yet: half a second's work. */
const JOINING_MAX = 2_000;
/** Members that may wait while those are let in that come back. */
const RESUMING_MAX = 30_000;

/** Decides who may connect, before the upgrade (C2–C4). */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #rate: RateLimit;
  readonly #byAddress = new Map<string, number>();
  #joining = 0;
  draining = false;

  constructor(options: AdmissionOptions, nowMs: number) {
    this.#options = options;
    this.#rate = new RateLimit(options.connectsPerSecond, Math.max(1, options.connectsPerSecond), nowMs);
  }

  /** @param nowMs the monotonic clock */
  decide(upgrade: UpgradeRequest, nowMs: number): Admitted | Refusal {
    if (this.draining) return refusal('draining', 'this gateway is going away: connect again', 1);
    const parsed = parseConnectQuery(upgrade.query);
    if (!parsed.ok) return refusal('bad_request', parsed.error);
    const protocol = chooseProtocol(upgrade.protocolHeader);
    if (!protocol) return refusal('bad_request', 'Sec-WebSocket-Protocol must be absent or offer holdfast.v1');
    if (!this.#originAllowed(upgrade)) {
      return refusal('forbidden', 'the Origin header names a site that ALLOWED_ORIGINS does not allow');
    }
    // Whoever was here already comes first: it has something to lose (B5).
    if (this.#joining >= (parsed.request.resume ? RESUMING_MAX : JOINING_MAX)) {
      return refusal('overloaded', 'too many are connecting at once: connect again', 2);
    }
    const { connectionsPerIp, connectsPerSecond } = this.#options;
    const address = connectionsPerIp > 0 ? this.#addressOf(upgrade) : '';
    const already = this.#byAddress.get(address) ?? 0;
    if (connectionsPerIp > 0 && already >= connectionsPerIp) {
      return refusal('rate_limited', `at most ${connectionsPerIp} connections from one address`, 10);
    }
    if (this.#rate.take(nowMs) > 0) return refusal('rate_limited', `at most ${connectsPerSecond} connects a second`, 1);
    this.#byAddress.set(address, already + 1);
    this.#joining += 1;
    return { protocol, request: parsed.request, address };
  }

  /** One that was admitted has its welcome, or will never have it. */
  joined(): void {
    this.#joining -= 1;
  }

  /** A connection that was admitted has ended. */
  left(address: string): void {
    const count = this.#byAddress.get(address) ?? 0;
    if (count > 1) this.#byAddress.set(address, count - 1);
    else this.#byAddress.delete(address);
  }

  #originAllowed({ origin, host }: UpgradeRequest): boolean {
    if (origin === '') return true;
    const { allowedOrigins } = this.#options;
    if (allowedOrigins.length > 0) return allowedOrigins.includes(origin);
    return origin.replace(/^https?:\/\//, '') === host;
  }

  /** Behind a proxy the last address of the list is the one that the proxy saw; those before it anyone can invent. */
  #addressOf({ forwardedFor, remoteAddress }: UpgradeRequest): string {
    if (!this.#options.trustProxy || forwardedFor === '') return remoteAddress;
    return forwardedFor.split(',').at(-1)?.trim() ?? remoteAddress;
  }
}

export function isRefusal(decision: Admitted | Refusal): decision is Refusal {
  return 'status' in decision;
}

function refusal(code: HttpErrorCode, error: string, retryAfterSeconds?: number): Refusal {
  const answer = { status: HTTP_ERRORS[code], body: httpFailure(code, error) };
  return retryAfterSeconds === undefined ? answer : { ...answer, retryAfterSeconds };
}
