import { entryText } from './message-format.js';
import type { LogEntry } from './port.js';

/** The two bounds of a log (K2). The newest entry is kept whatever its bytes. */
export interface LogBounds {
  /** `MESSAGE_HISTORY_MAX`. */
  readonly entries: number;
  /** `SESSION_MAX_BYTES`, counted by {@link entryBytes}. */
  readonly bytes: number;
}

/** What is known of the bytes of a log. `lua/parts/log-size.lua` is the same for Redis. */
export interface LogSize {
  bytes: number;
  /** Number of the newest entry that is large ({@link largeBytesOf}); 0: the log has none. */
  largeSeq: number;
  /** The newest number that was trimmed while the log had a large entry; 0: none was. */
  trimmedSeq: number;
}

/** Bytes that an entry counts (K2). With a head instead of the body it lacks those of the time. */
export function entryBytes({ senderKey, id, body }: Pick<LogEntry, 'senderKey' | 'id' | 'body'>): number {
  return senderKey.length + Buffer.byteLength(entryText(id, body));
}

/** An entry of more bytes than this is large: a log without one is within its bytes by its count alone. */
export function largeBytesOf({ entries, bytes }: LogBounds): number {
  return Math.floor(bytes / entries);
}

/** Takes note of entries that were added to a log. */
export function addToSize(size: LogSize, added: readonly LogEntry[], bounds: LogBounds): void {
  const large = largeBytesOf(bounds);
  for (const entry of added) {
    const bytes = entryBytes(entry);
    size.bytes += bytes;
    if (bytes > large) size.largeSeq = entry.seq;
  }
}

/** Removes the oldest entries of a log until it is within its bounds. */
export function trimLog(log: LogEntry[], size: LogSize, bounds: LogBounds): void {
  let from = 0;
  const last = log.length - 1;
  while (from < last && (log.length - from > bounds.entries || size.bytes > bounds.bytes)) {
    const oldest = log[from++] as LogEntry;
    size.bytes -= entryBytes(oldest);
    // What was put back after it had been trimmed may be older.
    size.trimmedSeq = Math.max(size.trimmedSeq, oldest.seq);
  }
  if (from > 0) log.splice(0, from);
  if (size.largeSeq < (log[0]?.seq ?? 0)) size.largeSeq = 0;
  if (size.largeSeq === 0) size.trimmedSeq = 0;
}

/**
 * Whether what stood before a log's first entry may have been trimmed for the log's bytes: the largest entry of both
 * would not fit any more (G4).
 *
 * @param sizes bytes of the log's entries @param older bytes of those that stood before them
 */
export function isFullOfBytes(sizes: readonly number[], older: readonly number[], { bytes }: LogBounds): boolean {
  const largest = [...sizes, ...older].reduce((most, size) => Math.max(most, size), 0);
  return sizes.reduce((sum, size) => sum + size, 0) + largest > bytes;
}
