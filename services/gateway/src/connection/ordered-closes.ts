import { isRevoked } from '@holdfast/auth';
import { CLOSE, type CloseCode } from '@holdfast/protocol';
import type { OrderKind, Orders } from '@holdfast/session-store';

/** A connection as orders of operators see it. */
export interface OrderedConnection {
  readonly sessionId: string;
  /** The `sub` of its token (C7), where it has come with one. */
  readonly sender: string;
  /** 0: it has come without a token. Unix second, as the two below. */
  readonly expirySecond: number;
  /** When its token was issued; 0 where that does not say. */
  readonly issuedSecond: number;
  readonly openedSecond: number;
  close(code: CloseCode): void;
}

/**
 * Closes every connection that orders are about, with 4401 (U11, U12). All connections are gone through once for any
 * number of orders; between orders they cost nothing.
 *
 * @returns how many were closed
 */
export function closeOrdered(connections: Iterable<OrderedConnection>, kind: OrderKind, orders: Orders): number {
  const isMeant = kind === 'revoked' ? revoked(orders) : disconnected(orders);
  // Closing changes what is gone through.
  const meant = [...connections].filter(isMeant);
  for (const connection of meant) connection.close(CLOSE.unauthorized);
  return meant.length;
}

function revoked(orders: Orders): (connection: OrderedConnection) => boolean {
  return ({ expirySecond, sender, issuedSecond }) =>
    expirySecond > 0 && isRevoked({ issuedAtMs: issuedSecond * 1000 }, orders.get(sender));
}

function disconnected(orders: Orders): (connection: OrderedConnection) => boolean {
  const users = of('user', orders);
  const sessions = of('session', orders);
  return ({ expirySecond, sender, sessionId, openedSecond }) => {
    const untilMs = Math.max(sessions.get(sessionId) ?? 0, (expirySecond > 0 && users.get(sender)) || 0);
    return openedSecond * 1000 <= untilMs;
  };
}

/** Orders about one sort of thing, by its own name. */
function of(sort: 'user' | 'session', orders: Orders): Orders {
  const begin = `${sort} `;
  const meant = [...orders].filter(([name]) => name.startsWith(begin));
  return new Map(meant.map(([name, ms]) => [name.slice(begin.length), ms]));
}
