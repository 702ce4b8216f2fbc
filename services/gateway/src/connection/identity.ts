import { createHash } from 'node:crypto';
import { ownCopy } from './own-copy.js';

/** Who a connection is. */
export interface Identity {
  readonly connectionId: string;
  /** The name others see (C7). */
  readonly sender: string;
  /** What its retries are recognised by (A4). */
  readonly senderKey: string;
}

/** Characters of a base64url hash that the sender's name shows. */
const NAME_LENGTH = 10;
const KEY_LENGTH = 22;

/**
 * @param client the client's secret; without one a connection is recognised by its own id, which lets the gateway
 *   repeat an append of unknown outcome (A5), but not the client a send on another connection
 */
export function identify(connectionId: string, client: string | undefined): Identity {
  if (client === undefined) return { connectionId, sender: connectionId, senderKey: connectionId };
  // The secret itself never leaves the gateway: keys stand in the log and on the channel.
  const hash = createHash('sha256').update(client).digest('base64url');
  return { connectionId, sender: ownCopy(hash.slice(0, NAME_LENGTH)), senderKey: ownCopy(hash.slice(0, KEY_LENGTH)) };
}
