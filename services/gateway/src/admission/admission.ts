import { type AllowedHosts, clientAddress, isHostAllowed, isOriginAllowed } from '@holdfast/config';
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
import { RateLimit } from '../ports/rate-limit.js';
import { CountBySession } from './count-by-session.js';

/** A client's upgrade request: header values as they came, empty where there was none. */
export interface UpgradeRequest {
  /** The query string, without the question mark. */
  readonly query: string;
  /** Why its head is too large (H5), if it is. */
  readonly excess: string | undefined;
  /** `Sec-WebSocket-Protocol`, all its lines joined by commas. */
  readonly protocolHeader: string;
  /** Browsers always send one; other clients may not. */
  readonly origin: string;
  readonly host: string;
  /** `X-Forwarded-For`, joined in the same way; likewise the two below. */
  readonly forwardedFor: string;
  readonly forwardedHost: string;
  readonly forwardedProto: string;
  readonly remoteAddress: string;
}

/** The HTTP answer to an upgrade request that is refused (C4). */
export interface Refusal {
  readonly status: number;
  readonly body: HttpFailure;
  readonly retryAfterSeconds?: number;
}

/** What an admitted client asked for. */
export type Admitted = {
  readonly protocol: WireProtocol;
  readonly request: ConnectRequest;
  /** The address it is counted under until {@link Admission.left}; empty without `MAX_CONNECTIONS_PER_IP`. */
  readonly address: string;
};

export interface AdmissionOptions {
  /** Empty: browsers may connect from pages of the gateway's own host. */
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: AllowedHosts;
  /** Whether a proxy writes the `X-Forwarded-` headers, so that they can be believed. */
  readonly trustProxy: boolean;
  /** 0 is no limit. */
  readonly connectionsPerIp: number;
  /** 0 is no limit. */
  readonly connectsPerSecond: number;
}

/** New members are refused while this many wait for their welcome, of each session some at most: half a second's work. */
const WAITING_MAX_FOR_NEW = 2_000;
/** How many of one session count there. */
const WAITING_OF_SESSION = 200;
/** Everybody is refused while this many wait, and whoever wants into a session that two thirds of them wait for. */
const WAITING_MAX = 30_000;
const WAITING_MAX_OF_SESSION = 20_000;

/**
 * Decides who may connect, before the upgrade (C2–C4): by the request itself, by where it comes from, and by how many
 * are here or on their way already.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #rate: RateLimit;
  /** Open connections by address. */
  readonly #byAddress = new Map<string, number>();
  /** Those that wait for their welcome; all that name no session count as one. */
  readonly #waiting = new CountBySession(WAITING_OF_SESSION);
  /** Set once, when the gateway is going away: everybody is refused from then on. */
  draining = false;

  constructor(options: AdmissionOptions, nowMs: number) {
    this.#options = options;
    this.#rate = new RateLimit(options.connectsPerSecond, Math.max(1, options.connectsPerSecond), nowMs);
  }

  /**
   * A client that is admitted is counted at once: every one of them has to be answered by one {@link welcomed} and,
   * when its connection ends, one {@link left}.
   *
   * @param nowMs monotonic milliseconds
   */
  decide(upgrade: UpgradeRequest, nowMs: number): Admitted | Refusal {
    if (this.draining) return refusal('draining', 'this gateway is going away: connect again', 1);
    if (upgrade.excess !== undefined) return headTooLarge(upgrade.excess);
    if (!isHostAllowed(upgrade, this.#options)) {
      return refusal('forbidden', 'the Host header names a host that ALLOWED_HOSTS does not name');
    }
    const parsed = parseConnectQuery(upgrade.query);
    if (!parsed.ok) return refusal('bad_request', parsed.error);
    const protocol = chooseProtocol(upgrade.protocolHeader);
    if (!protocol) return refusal('bad_request', 'Sec-WebSocket-Protocol must be absent or offer holdfast.v1');
    if (!isOriginAllowed({ ...upgrade, origin: upgrade.origin || undefined }, this.#options)) {
      return refusal('forbidden', 'the Origin header names a site that ALLOWED_ORIGINS does not allow');
    }
    // Returning members come first, because they have messages to lose (B5).
    const { sessionId = '', resume } = parsed.request;
    if (resume ? this.#isFullFor(sessionId) : this.#isBusyFor(sessionId)) {
      return refusal('overloaded', 'too many are connecting at once: connect again', 2);
    }
    const { connectionsPerIp, connectsPerSecond, trustProxy } = this.#options;
    const address = connectionsPerIp > 0 ? clientAddress(upgrade.remoteAddress, upgrade.forwardedFor, trustProxy) : '';
    const already = this.#byAddress.get(address) ?? 0;
    if (connectionsPerIp > 0 && already >= connectionsPerIp) {
      return refusal('rate_limited', `at most ${connectionsPerIp} connections from one address`, 10);
    }
    if (this.#rate.take(nowMs) > 0) return refusal('rate_limited', `at most ${connectsPerSecond} connects a second`, 1);
    this.#byAddress.set(address, already + 1);
    this.#waiting.add(sessionId);
    return { protocol, request: parsed.request, address };
  }

  #isFullFor(sessionId: string): boolean {
    return this.#waiting.all >= WAITING_MAX || this.#waiting.of(sessionId) >= WAITING_MAX_OF_SESSION;
  }

  /** One session that thousands join keeps no new member out of another one. */
  #isBusyFor(sessionId: string): boolean {
    const most = Math.max(this.#waiting.fair, this.#waiting.of(sessionId));
    return most >= WAITING_MAX_FOR_NEW || this.#isFullFor(sessionId);
  }

  /** An admitted client has its welcome, or will never have one. @param sessionId that it named */
  welcomed(sessionId = ''): void {
    this.#waiting.remove(sessionId);
  }

  /** An admitted client waits for something that keeps nobody busy: it is no reason to refuse others meanwhile. */
  async waitsAside(wait: () => Promise<void>, sessionId = ''): Promise<void> {
    this.#waiting.remove(sessionId);
    await wait();
    this.#waiting.add(sessionId);
  }

  /** An admitted client's connection has ended. */
  left(address: string): void {
    const count = this.#byAddress.get(address) ?? 0;
    if (count > 1) this.#byAddress.set(address, count - 1);
    else this.#byAddress.delete(address);
  }
}

/** The answer to a request with a head that is too large (H5). @param excess says in what */
export function headTooLarge(excess: string): Refusal {
  return refusal('head_too_large', excess);
}

export function isRefusal(decision: Admitted | Refusal): decision is Refusal {
  return 'status' in decision;
}

function refusal(code: HttpErrorCode, error: string, retryAfterSeconds?: number): Refusal {
  const answer = { status: HTTP_ERRORS[code], body: httpFailure(code, error) };
  return retryAfterSeconds === undefined ? answer : { ...answer, retryAfterSeconds };
}
