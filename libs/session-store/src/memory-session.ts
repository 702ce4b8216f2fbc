import { messageName } from './message-name.js';
import type { AppendRequest, LogEntry, NewMessage } from './port.js';
import type { SessionState } from './session-json.js';

/** A session and its log, as the memory store holds them. */
export interface MemorySession {
  readonly state: { -readonly [Field in keyof SessionState]: SessionState[Field] };
  log: LogEntry[];
  /** Unix milliseconds. */
  deadline: number;
}

/** Names and numbers of kept messages that a request may repeat (A4). */
export function duplicatesOf(session: MemorySession, request: AppendRequest): Map<string, number> {
  const { state, log } = session;
  const starts: number[] = [];
  const heard = request.position?.epoch ? request.position.seq : 0;
  if (state.retried > heard) starts.push(heard);
  for (const { retry } of request.messages) {
    if (retry === 'anywhere') starts.push(0);
    else if (retry) starts.push(isKept(session, retry.epoch, retry.seq, retry.id) ? retry.seq : 0);
  }
  const seen = new Map<string, number>();
  if (starts.length === 0) return seen;
  const from = Math.min(...starts);
  for (const entry of log) {
    const name = nameOf(entry);
    if (entry.seq >= from && name !== undefined) seen.set(name, entry.seq);
  }
  return seen;
}

/** What a message is recognised by (A4); nobody's messages are never recognised. */
export function nameOf(message: NewMessage | LogEntry): string | undefined {
  return message.senderKey === '' ? undefined : messageName(message);
}

function isKept(session: MemorySession, epoch: string, seq: number, id: string): boolean {
  if (epoch !== session.state.epoch) return false;
  return session.log.some((entry) => entry.seq === seq && entry.id === id);
}
