import { createHash } from 'node:crypto';

/** Who a connection is. JSON needs no escapes for any of the three. */
export interface Identity {
  /** Unique over all gateways and all time. */
  readonly connectionId: string;
  /** The name that other members see (C7). */
  readonly sender: string;
  /** Recognises the client's retries: messages of one sender key with the same id are one message (A4). */
  readonly senderKey: string;
}

/** Characters of the secret's base64url hash that other members see. */
const NAME_LENGTH = 10;
/** Characters of it that the sender key has: 132 bits. */
const KEY_LENGTH = 22;

/**
 * @param client the client's secret. Without one the connection's own id recognises its messages: the gateway can
 *   repeat an append of unknown outcome (A5), but the client cannot repeat a send on another connection.
 * @param sub of the client's token, which alone names it then. It is part of the sender key, so that nobody takes part
 *   in the messages of somebody else, whatever secret and ids they send (U7).
 */
export function identify(connectionId: string, client: string | undefined, sub?: string): Identity {
  const name = sub === undefined ? undefined : compactCopy(sub);
  if (client === undefined) return { connectionId, sender: name ?? connectionId, senderKey: connectionId };
  // The log and the channel hold the sender key, so the key must not tell the secret. No secret has a space in it.
  const hash = createHash('sha256')
    .update(sub === undefined ? client : `token ${sub} ${client}`)
    .digest('base64url');
  return {
    connectionId,
    sender: name ?? compactCopy(hash.slice(0, NAME_LENGTH)),
    senderKey: compactCopy(hash.slice(0, KEY_LENGTH)),
  };
}

/**
 * The same text in memory of its own. V8 keeps the whole text alive that a slice was cut from, and all pieces that a
 * text was joined from: a UUID of Node's takes ten times its length. Texts that live as long as a connection are
 * copied.
 *
 * @param text of characters below U+0100
 */
export function compactCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
