import { headOf } from './message-format.js';
import type { CustomData, LogEntry, NewMessage } from './port.js';
import { SEALED, type Seal, type SealFault } from './seal.js';

/*
 * What is sealed of a session (E1), and how it is written.
 *
 * - A message: its head `"content":C,"sender":S,"timestamp":` becomes `"sealed":"TOKEN","sender":S,"timestamp":`. It is
 *   bound to the session, the sender's key, the id, and what follows on the token.
 * - A custom field: `"NAME":VALUE` becomes `"$TOKEN":"TOKEN"`. The first token is the name's, and the second one, the
 *   value's, is bound to the name. Scripts merge fields by name, which needs nothing but that a name always gives the
 *   same token.
 *
 * What cannot be opened is kept with its token, so that whoever puts it back into the log puts back what was there.
 */

const CONTENT = '"content":';
const SENDER = ',"sender":';
const SEALED_HEAD = '"sealed":"';
/** Sealed names of custom fields begin with it. */
const NAME_MARK = '$';
/** The head of a message that cannot be opened. No sender can write it: its content would be empty (C6). */
const UNREADABLE = /^"content":"","error":"\w+","sealed":"([\w.-]+)"/;

/** Called with each text that cannot be opened. */
export type OnUnreadable = (fault: SealFault, sessionId: string) => void;

/** The head of a message as it is stored. */
export function sealHead(seal: Seal, sessionId: string, { id, senderKey, head }: NewMessage): string {
  const unreadable = UNREADABLE.exec(head);
  if (unreadable) return `${SEALED_HEAD}${unreadable[1]}"${head.slice(unreadable[0].length)}`;
  // Inside of a sender's name every quote is escaped.
  const end = head.lastIndexOf(SENDER);
  if (!seal.seals || end < 0 || !head.startsWith(CONTENT)) return head;
  const rest = head.slice(end);
  const token = seal.seal(sessionId, boundOf(sessionId, senderKey, id, rest), head.slice(CONTENT.length, end));
  return `${SEALED_HEAD}${token}"${rest}`;
}

/** A delivered message as it is in the log. */
export function sealEntry(seal: Seal, sessionId: string, entry: LogEntry): LogEntry {
  const head = headOf(entry.body);
  const { id, senderKey } = entry;
  return { ...entry, body: sealHead(seal, sessionId, { id, senderKey, head }) + entry.body.slice(head.length) };
}

/** Whether the body of a log entry is sealed. */
export function isSealed(body: string): boolean {
  return body.startsWith(SEALED_HEAD);
}

/** The body of a log entry as it is delivered. One that cannot be opened has an empty content, and an error (V2). */
export function openBody(
  seal: Seal,
  sessionId: string,
  { id, senderKey, body }: Pick<LogEntry, 'id' | 'senderKey' | 'body'>,
  onUnreadable: OnUnreadable,
): string {
  if (!isSealed(body)) return body;
  const end = body.indexOf('"', SEALED_HEAD.length);
  const token = body.slice(SEALED_HEAD.length, end);
  const rest = body.slice(end + 1);
  const opened = seal.open(sessionId, boundOf(sessionId, senderKey, id, headOf(rest)), token);
  if (opened.fault === undefined) return CONTENT + opened.text + rest;
  onUnreadable(opened.fault, sessionId);
  return `"content":"","error":"${opened.fault}","sealed":"${token}"${rest}`;
}

/** A log entry as it is delivered. */
export function openEntry(seal: Seal, sessionId: string, entry: LogEntry, onUnreadable: OnUnreadable): LogEntry {
  return isSealed(entry.body) ? { ...entry, body: openBody(seal, sessionId, entry, onUnreadable) } : entry;
}

/** Whether a custom field has a name that only sealed ones have. */
export function isSealedField(name: string): boolean {
  return name.startsWith(NAME_MARK) && SEALED.test(name.slice(NAME_MARK.length));
}

/** Custom data without the fields that could not be opened; the same object when there are none. */
export function readableCustom(custom: CustomData): CustomData {
  if (!Object.keys(custom).some(isSealedField)) return custom;
  return Object.fromEntries(Object.entries(custom).filter(([name]) => !isSealedField(name)));
}

/** Custom data as it is stored. Fields that could not be opened are stored as they were. */
export function sealCustom(seal: Seal, sessionId: string, custom: CustomData): CustomData {
  if (!seal.seals) return custom;
  const sealed: CustomData = {};
  for (const [name, value] of Object.entries(custom)) {
    if (isSealedField(name)) sealed[name] = value;
    else {
      const sealedName = NAME_MARK + seal.seal(sessionId, `${sessionId}\nname`, name);
      sealed[sealedName] = seal.seal(sessionId, valueBound(sessionId, name), JSON.stringify(value) ?? 'null');
    }
  }
  return sealed;
}

/**
 * Custom data as it was given. Of two fields with one name the later one counts: the other was sealed with an older key.
 * Fields that cannot be opened stay as they are.
 */
export function openCustom(seal: Seal, sessionId: string, custom: CustomData, onUnreadable: OnUnreadable): CustomData {
  const opened: [string, unknown][] = [];
  let isAny = false;
  for (const [name, value] of Object.entries(custom)) {
    if (!isSealedField(name) || typeof value !== 'string') {
      opened.push([name, value]);
      continue;
    }
    isAny = true;
    opened.push(openField(seal, sessionId, name, value, onUnreadable));
  }
  return isAny ? Object.fromEntries(opened) : custom;
}

function openField(
  seal: Seal,
  sessionId: string,
  sealedName: string,
  sealedValue: string,
  onUnreadable: OnUnreadable,
): [string, unknown] {
  const name = seal.open(sessionId, `${sessionId}\nname`, sealedName.slice(NAME_MARK.length));
  const value = name.fault === undefined ? seal.open(sessionId, valueBound(sessionId, name.text), sealedValue) : name;
  if (name.fault === undefined && value.fault === undefined) return [name.text, JSON.parse(value.text)];
  onUnreadable(value.fault ?? 'not_authentic', sessionId);
  return [sealedName, sealedValue];
}

function boundOf(sessionId: string, senderKey: string, id: string, rest: string): string {
  return `${sessionId}\nmessage\n${senderKey}\n${id}\n${rest}`;
}

function valueBound(sessionId: string, name: string): string {
  return `${sessionId}\nvalue\n${JSON.stringify(name)}`;
}
