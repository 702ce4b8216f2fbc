import { parseEntryText } from './message-format.js';
import type { AppendedMessage, AppendResult, EpochEnd, LogEntry } from './port.js';

/** A stream entry as XRANGE answers it. */
export type StreamEntry = [id: string, fields: string[]];

/** Reads stream entries (K2). */
export function readEntries(entries: readonly StreamEntry[]): LogEntry[] {
  return entries.map(([streamId, [senderKey = '', text = '']]) => {
    return { seq: Number.parseInt(streamId, 10), senderKey, ...parseEntryText(text) };
  });
}

/**
 * Reads what `append-next-2.lua` answers.
 *
 * @returns nothing when `append-2.lua` has to be called
 */
export function readNextAppended(reply: string, epoch: string, messages: number): AppendResult | undefined {
  if (reply === 'look') return undefined;
  const [ttl, subscribers, first] = reply.split(' ');
  // Behind the number of a publish that Redis refused stands a line break and what Redis said.
  const firstSeq = Number.parseInt(first ?? '', 10);
  const stored: AppendedMessage[] = [];
  for (let seq = firstSeq; seq < firstSeq + messages; seq++) stored.push({ seq, duplicate: false });
  return {
    outcome: 'stored',
    epoch,
    ttl: Number(ttl),
    created: false,
    subscribers: Number(subscribers),
    messages: stored,
  };
}

/** Reads what `append-2.lua` answers. */
export function readAppended(reply: string): AppendResult {
  const [first = '', fault = ''] = reply.split('\n', 2);
  const [outcome, ...rest] = first.split(' ');
  switch (outcome) {
    case 'stored':
      return fault === '' ? stored(rest) : { ...stored(rest), quarantined: fault };
    case 'gone':
      return { outcome, ...endedBy(rest[0]) };
    case 'epoch':
    case 'behind':
    case 'forked':
      return { outcome };
    default:
      throw new Error(`append answered ${reply}`);
  }
}

/** How an epoch ended, as `read-2.lua` and `append-2.lua` answer it. */
export function endedBy(ended: string | undefined): { ended?: EpochEnd } {
  return ended === 'deleted' || ended === 'quarantined' ? { ended } : {};
}

function stored([epoch = '', ttl, created, subscribers, ...seqs]: string[]): Extract<
  AppendResult,
  { outcome: 'stored' }
> {
  return {
    outcome: 'stored',
    epoch,
    ttl: Number(ttl),
    created: created === '1',
    subscribers: Number(subscribers),
    messages: seqs.map((text) => {
      const seq = Number(text);
      if (seq > 0) return { seq, duplicate: false };
      return seq < 0
        ? { seq: -seq, duplicate: true }
        : { seq: Number(text.slice(1)), duplicate: true, isConflict: true };
    }),
  };
}
