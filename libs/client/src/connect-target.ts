import type { Position } from '@holdfast/protocol';
import type { Settings } from './options.js';

/** Which history a connection asks for: none, all that is kept (R3), or what follows the position with this number (R1). */
export type HistoryRequest = 'live' | 'kept' | number;

/** Where a link connects, and which history it asks for there. */
export interface ConnectTarget {
  readonly url: string;
  readonly request: HistoryRequest;
  /** Goes along as a subprotocol, because browsers can set no header, and proxies log addresses (U6). */
  readonly token: string | undefined;
}

/**
 * Builds the address of the next connection (C1, R1, R3).
 *
 * @param client the client secret
 * @param wanted ignored without persistence, where there is no history
 * @param position goes along when `wanted` is a number
 */
export function connectTarget(
  settings: Settings,
  client: string,
  wanted: HistoryRequest,
  position: Position | undefined,
  token: string | undefined,
): ConnectTarget {
  const { sessionId, redisPersistence, presence } = settings;
  const request = redisPersistence ? wanted : 'live';
  const after = typeof request === 'number' ? position : undefined;
  const query = {
    session: sessionId,
    client,
    redis_persistence: redisPersistence,
    presence,
    last_seq: request === 'kept' ? '0' : after && String(after.seq),
    epoch: after?.epoch,
    last_id: after?.id,
  };
  const url = new URL(settings.url);
  for (const [name, value] of Object.entries(query)) if (value) url.searchParams.set(name, String(value));
  return { url: url.href, request, token };
}
