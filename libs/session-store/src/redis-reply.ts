import type { LogEntry } from './port.js';

/** A stream entry as XRANGE answers it. */
export type StreamEntry = [id: string, fields: string[]];

/** Reads entries that `append-2.lua` wrote: fields in fixed order `i`, `k`, `b`. */
export function readEntries(entries: readonly StreamEntry[]): LogEntry[] {
  return entries.map(([streamId, fields]) => {
    const [, id = '', , senderKey = '', , body = ''] = fields;
    return { seq: Number.parseInt(streamId, 10), id, senderKey, body };
  });
}
