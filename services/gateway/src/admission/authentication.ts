import { bearerToken, type Identity, TokenVerifier, type Verdict } from '@holdfast/auth';
import type { AuthSettings } from '@holdfast/config';
import type { Logger } from '@holdfast/telemetry';
import type { Clock } from '../ports/clock.js';

/** Where an upgrade request may carry its token (U6). */
export interface TokenSources {
  /** The header; empty where there is none. */
  readonly authorization: string;
  /** `Sec-WebSocket-Protocol`, all its lines joined by commas. */
  readonly protocolHeader: string;
  /** The query's field `token`. */
  readonly queryToken: string | undefined;
}

/** What a browser puts before its token, beside the subprotocol that it wants: it cannot set other headers (U6). */
const BEARER_PROTOCOL = 'bearer.';

/** Checks the tokens of a gateway's clients, at the upgrade and in mid-connection. */
export class Authentication {
  readonly #verifier: TokenVerifier;

  /** @param revokedBefore since when the tokens of a user count (U12); Unix milliseconds */
  constructor(
    settings: AuthSettings,
    clock: Pick<Clock, 'now'>,
    logger: Logger,
    revokedBefore: (sub: string) => number | undefined = () => undefined,
  ) {
    this.#verifier = new TokenVerifier(settings, {
      revokedBefore,
      now: () => clock.now(),
      onProblem: (reason) => logger.warn({ reason }, "The token issuer's keys could not be fetched"),
    });
  }

  /** Begins to fetch the issuer's keys. Tokens that come before the first answer wait for it. */
  start(): void {
    void this.#verifier.start();
  }

  close(): void {
    this.#verifier.close();
  }

  /** @returns whom the token speaks for, or why it does not count; never rejects */
  readonly verify = (token: string | undefined): Promise<Verdict> => this.#verifier.verify(token);

  /** The same for the token of an upgrade request. The first of the places counts that has one. */
  identify({ authorization, protocolHeader, queryToken }: TokenSources): Promise<Verdict> {
    return this.verify(bearerToken(authorization) ?? offeredToken(protocolHeader) ?? queryToken);
  }
}

/** Whether a member may be in a session at all: its token names the session and lets it read. */
export function maySit({ mayEnter, canRead }: Identity, sessionId: string): boolean {
  return canRead && mayEnter(sessionId);
}

function offeredToken(protocolHeader: string): string | undefined {
  const offered = protocolHeader.split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(BEARER_PROTOCOL))?.slice(BEARER_PROTOCOL.length);
}
