import type { Position } from '@holdfast/protocol';
import type {
  AppendRequest,
  AppendResult,
  LogEntry,
  NewMessage,
  OpenOptions,
  OpenResult,
  SessionLog,
} from '../src/index.js';

let sessions = 0;

/** A session id that no other test uses. */
export function freshId(prefix = 'room'): string {
  sessions += 1;
  return `${prefix}-${sessions}`;
}

/** A message of ana's, unless said otherwise. */
export function message(id: string, more: Partial<NewMessage> & { content?: string } = {}): NewMessage {
  const { content = `text of ${id}`, senderKey = 'ana', ...rest } = more;
  const head = `"content":${JSON.stringify(content)},"sender":${JSON.stringify(senderKey)},"timestamp":`;
  return { id, senderKey, head, ...rest };
}

export type Stored = Extract<AppendResult, { outcome: 'stored' }>;

/** Appends, and fails unless that was taken. */
export async function stored(log: SessionLog, sessionId: string, request: AppendRequest): Promise<Stored> {
  const result = await log.append(sessionId, request);
  if (result.outcome !== 'stored') throw new Error(`append to ${sessionId} was refused: ${result.outcome}`);
  return result;
}

/** A log entry as a gateway has delivered it: ana's. */
export function delivered(seq: number, id = `m${seq}`, senderKey = 'ana'): LogEntry {
  return { seq, id, senderKey, body: `${message(id, { senderKey }).head}${1_700_000_000_000 + seq}}` };
}

/** Opens a session, and fails unless that was answered with one. */
export async function openedAt(log: SessionLog, sessionId: string, options?: OpenOptions): Promise<OpenResult> {
  const opened = await log.open(sessionId, options);
  if (typeof opened === 'string') throw new Error(`session ${sessionId} is ${opened}`);
  return opened;
}

/** Appends one message after the other by id, as a sender without a position; answers the position after the last. */
export async function filled(log: SessionLog, sessionId: string, ...ids: string[]): Promise<Position> {
  const { epoch, messages } = await stored(log, sessionId, { messages: ids.map((id) => message(id)) });
  return { epoch, seq: messages.at(-1)?.seq ?? 0, id: ids.at(-1) ?? '' };
}

/** The ids of the kept messages, oldest first. */
export async function keptIds(log: SessionLog, sessionId: string): Promise<string[]> {
  const { entries } = await log.read(sessionId, { from: 1, limit: 10_000 });
  return entries.map((entry) => entry.id);
}
