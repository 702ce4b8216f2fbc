import { entryBytes } from './log-bounds.js';
import type { LogEntry, NewMessage } from './port.js';

/** Most bytes of UTF-8 that a unit of a string takes. */
const UTF8_MOST = 3;
/** What the time adds to an entry: 13 digits until the year 2286, and a brace. */
const TIME_BYTES = 14;
/** What an entry has beside its sender key, id and head. */
const REST_BYTES = TIME_BYTES + 2;

/** Whether only `append-2.lua` can take the batch: it may have been stored before (A4), or makes the log be counted (K2). */
export function isUnusual(messages: readonly NewMessage[], largeBytes: number): boolean {
  return messages.some(isRepeated) || messages.some((message) => isLarge(message, largeBytes));
}

/** Whether the message will be a large entry (K2). Most messages are far smaller, which their length tells. */
function isLarge({ id, senderKey, head }: NewMessage, largeBytes: number): boolean {
  if (head.length * UTF8_MOST + id.length + senderKey.length + REST_BYTES <= largeBytes) return false;
  return entryBytes({ id, senderKey, body: head }) + TIME_BYTES > largeBytes;
}

/** Whether a message may have been stored before, or has the id of an earlier one in the same batch. */
function isRepeated({ retry, id }: NewMessage, index: number, messages: readonly NewMessage[]): boolean {
  if (retry !== undefined) return true;
  for (let earlier = 0; earlier < index; earlier++) if (messages[earlier]?.id === id) return true;
  return false;
}

/** A message's `retry` as `append-2.lua` reads it. */
export function retryArgument(message: NewMessage): string {
  if (message.retry === undefined) return '';
  if (message.retry === 'anywhere') return '* 0 *';
  return `${message.retry.epoch} ${message.retry.seq} ${message.retry.id}`;
}

/** Entries as `heal-2.lua` and `fork-2.lua` read them. */
export function entryArguments(entries: readonly LogEntry[]): (string | number)[] {
  return entries.flatMap(({ seq, id, senderKey, body }) => [seq, id, senderKey, body]);
}
