import type { AppendResult, LogEntry } from './port.js';

/** A stream entry as XRANGE answers it. */
export type StreamEntry = [id: string, fields: string[]];

/** Reads entries that `append-2.lua` wrote: fields in fixed order `i`, `k`, `b`. */
export function readEntries(entries: readonly StreamEntry[]): LogEntry[] {
  return entries.map(([streamId, fields]) => {
    const [, id = '', , senderKey = '', , body = ''] = fields;
    return { seq: Number.parseInt(streamId, 10), id, senderKey, body };
  });
}

/** What `append-2.lua` answers after `stored`. */
export function readStored(rest: (string | number)[]): AppendResult {
  const [epoch, ttl, created, subscribers, fault, ...seqs] = rest;
  const result = {
    outcome: 'stored' as const,
    epoch: String(epoch),
    ttl: Number(ttl),
    created: created === 1,
    subscribers: Number(subscribers),
    messages: seqs.map((seq) => ({ seq: Math.abs(Number(seq)), duplicate: Number(seq) < 0 })),
  };
  return fault === '' ? result : { ...result, quarantined: String(fault) };
}
