import type { Identity, TokenRefusal } from '@holdfast/auth';
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
import type { ProcessLoad, ScarceResource } from '@holdfast/telemetry';
import { RateLimit } from '../ports/rate-limit.js';
import { type Authentication, maySit } from './authentication.js';
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
  readonly authorization: string;
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
  /** Whom its token speaks for; undefined where nobody is asked for one. */
  readonly identity: Identity | undefined;
  /** The session's id; a new one where the client has named none (C2). */
  readonly sessionId: string;
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
  /** The same for each `sub`. */
  readonly connectionsPerSub: number;
  /** 0 is no limit. */
  readonly connectsPerSecond: number;
  /** Tells what the process is too short of to take a member (B7); absent: it has enough of everything. */
  readonly resources?: Pick<ProcessLoad, 'shortage'> | undefined;
  /** Absent: nobody is asked for a token. */
  readonly authentication?: Pick<Authentication, 'identify'> | undefined;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Makes the id of a session that has none. */
  readonly newId: () => string;
}

/** Which session a client has named, if any, and whether it comes back. */
export type JoinRequest = Pick<ConnectRequest, 'sessionId' | 'resume'>;

/** An upgrade request that can be understood. */
type Application = Pick<Admitted, 'protocol' | 'request' | 'sessionId'>;

const LEAVING = 'this gateway is going away: connect again';
const TOO_MANY = 'too many are connecting at once: connect again';
/** New members are refused while this many of them wait for their welcome, of each session some at most. */
const WAITING_MAX_FOR_NEW = 2_000;
/** How many of one session count there. */
const WAITING_OF_SESSION = 200;
/** Everybody is refused while this many wait, and whoever wants into a session that two thirds of them wait for. */
const WAITING_MAX = 30_000;
const WAITING_MAX_OF_SESSION = 20_000;

const SHORT: Readonly<Record<ScarceResource, string>> = {
  memory: 'this gateway is short of memory',
  event_loop: 'this gateway is busy',
  descriptors: 'this gateway has too many connections',
};

/**
 * Decides who may connect, before the upgrade (C2–C4): by the request itself, by where it comes from, and by how many
 * are here or on their way already.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #rate: RateLimit;
  /** Open connections by address. */
  readonly #byAddress = new Map<string, number>();
  /** Those with a token, by `sub`; empty without `MAX_CONNECTIONS_PER_SUB`. */
  readonly #bySub = new Map<string, number>();
  /** Those that wait for their welcome; all that name no session count as one. */
  readonly #waiting = new CountBySession();
  /** The new members among them: those that come back are no reason to refuse them, as new ones have turns too (B5). */
  readonly #waitingNew = new CountBySession(WAITING_OF_SESSION);
  /** Clients whose tokens are being checked. */
  #checking = 0;
  /** Set once, when the gateway is going away: everybody is refused from then on. */
  draining = false;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    const { connectsPerSecond, now } = options;
    this.#rate = new RateLimit(connectsPerSecond, Math.max(1, connectsPerSecond), now());
  }

  /**
   * A client that is admitted is counted at once: every one of them has to be answered by one {@link welcomed} and,
   * when its connection ends, one {@link left}.
   *
   * @returns at once where nobody is asked for a token
   */
  decide(upgrade: UpgradeRequest): Admitted | Refusal | Promise<Admitted | Refusal> {
    const application = this.#understand(upgrade);
    const { authentication } = this.#options;
    if (isRefusal(application)) return application;
    if (!authentication) return this.#admit(upgrade, application, undefined);
    // Checking tokens takes time of its own: it has the same limit.
    if (this.#checking >= WAITING_MAX) return refusal('overloaded', TOO_MANY, 2);
    this.#checking += 1;
    const { authorization, protocolHeader } = upgrade;
    const queryToken = application.request.token;
    return authentication.identify({ authorization, protocolHeader, queryToken }).then((verdict) => {
      this.#checking -= 1;
      return verdict.ok ? this.#admit(upgrade, application, verdict.identity) : unauthorized(verdict.refusal);
    });
  }

  #understand(upgrade: UpgradeRequest): Application | Refusal {
    if (this.draining) return refusal('draining', LEAVING, 1);
    if (upgrade.excess !== undefined) return headTooLarge(upgrade.excess);
    if (!isHostAllowed(upgrade, this.#options)) {
      return refusal('forbidden', 'the Host header names a host that ALLOWED_HOSTS does not name');
    }
    const parsed = parseConnectQuery(upgrade.query);
    if (!parsed.ok) return refusal('bad_request', parsed.error);
    const protocol = chooseProtocol(upgrade.protocolHeader);
    if (!protocol) return refusal('bad_request', 'Sec-WebSocket-Protocol must be absent or offer holdfast.v1');
    const { request } = parsed;
    const scarce = this.#options.resources?.shortage(request.resume !== undefined);
    if (scarce !== undefined) return refusal('overloaded', `${SHORT[scarce]}: connect again`, 5);
    return { protocol, request, sessionId: request.sessionId ?? this.#options.newId() };
  }

  #admit(upgrade: UpgradeRequest, application: Application, identity: Identity | undefined): Admitted | Refusal {
    // The drain may have begun while the token was checked.
    if (this.draining) return refusal('draining', LEAVING, 1);
    const { request, sessionId } = application;
    if (!isOriginAllowed({ ...upgrade, origin: upgrade.origin || undefined }, this.#options)) {
      return refusal('forbidden', 'the Origin header names a site that ALLOWED_ORIGINS does not allow');
    }
    if (identity && !maySit(identity, sessionId)) {
      return refusal('forbidden', 'the token does not allow to read this session');
    }
    // Returning members come first, because they have messages to lose (B5).
    const { sessionId: named = '', resume } = request;
    if (resume ? this.#isFullFor(named) : this.#isBusyFor(named)) return refusal('overloaded', TOO_MANY, 2);
    const { connectionsPerIp, connectionsPerSub, connectsPerSecond, trustProxy } = this.#options;
    const address = connectionsPerIp > 0 ? clientAddress(upgrade.remoteAddress, upgrade.forwardedFor, trustProxy) : '';
    const sub = connectionsPerSub > 0 ? identity?.sub : undefined;
    if (connectionsPerIp > 0 && countOf(this.#byAddress, address) >= connectionsPerIp) {
      return refusal('rate_limited', `at most ${connectionsPerIp} connections from one address`, 10);
    }
    if (sub !== undefined && countOf(this.#bySub, sub) >= connectionsPerSub) {
      return refusal('rate_limited', `at most ${connectionsPerSub} connections of one user`, 10);
    }
    if (this.#rate.take(this.#options.now()) > 0) {
      return refusal('rate_limited', `at most ${connectsPerSecond} connects a second`, 1);
    }
    add(this.#byAddress, address, 1);
    if (sub !== undefined) add(this.#bySub, sub, 1);
    this.#waits(request);
    return { ...application, identity, address };
  }

  #isFullFor(sessionId: string): boolean {
    return this.#waiting.all >= WAITING_MAX || this.#waiting.of(sessionId) >= WAITING_MAX_OF_SESSION;
  }

  /** One session that thousands join keeps no new member out of another one. */
  #isBusyFor(sessionId: string): boolean {
    const most = Math.max(this.#waitingNew.fair, this.#waiting.of(sessionId));
    return most >= WAITING_MAX_FOR_NEW || this.#isFullFor(sessionId);
  }

  #waits({ sessionId = '', resume }: JoinRequest): void {
    this.#waiting.add(sessionId);
    if (!resume) this.#waitingNew.add(sessionId);
  }

  /** An admitted client has its welcome, or will never have one. */
  welcomed({ sessionId = '', resume }: JoinRequest): void {
    this.#waiting.remove(sessionId);
    if (!resume) this.#waitingNew.remove(sessionId);
  }

  /** An admitted client waits for something that keeps nobody busy: it is no reason to refuse others meanwhile. */
  async waitsAside(wait: () => Promise<void>, request: JoinRequest): Promise<void> {
    this.welcomed(request);
    await wait();
    this.#waits(request);
  }

  /** An admitted client's connection has ended. @param sub of its token; undefined where it came with none */
  left(address: string, sub: string | undefined): void {
    add(this.#byAddress, address, -1);
    if (sub !== undefined && this.#options.connectionsPerSub > 0) add(this.#bySub, sub, -1);
  }
}

function countOf(counts: ReadonlyMap<string, number>, key: string): number {
  return counts.get(key) ?? 0;
}

/** No key is kept whose count is 0. */
function add(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = countOf(counts, key) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

/** The answer to a request with a head that is too large (H5). @param excess says in what */
export function headTooLarge(excess: string): Refusal {
  return refusal('head_too_large', excess);
}

export function isRefusal(decision: Application | Refusal): decision is Refusal {
  return 'status' in decision;
}

/** The answer to a token that does not count (C4). It may be the issuer whose fault that is. */
function unauthorized({ code, message }: TokenRefusal): Refusal {
  return code === 'unavailable' ? refusal('tokens_unavailable', message, 5) : refusal('unauthorized', message);
}

function refusal(code: HttpErrorCode, error: string, retryAfterSeconds?: number): Refusal {
  const answer = { status: HTTP_ERRORS[code], body: httpFailure(code, error) };
  return retryAfterSeconds === undefined ? answer : { ...answer, retryAfterSeconds };
}
