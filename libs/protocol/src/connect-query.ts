import { FRAMED_PROTOCOL, isClientSecret, isSendId, isSessionId, SESSION_ID_RULE } from './limits.js';

/** What a client asks for when it connects (C1). */
export interface ConnectRequest {
  /** Absent: the gateway chooses one (C2). */
  readonly sessionId?: string;
  readonly redisPersistence: boolean;
  readonly presence: boolean;
  readonly token?: string;
  readonly client?: string;
  /** Present when the client wants history (R1–R3). */
  readonly resume?: ResumeRequest;
}

/** Where a client wants to go on from (R1). */
export interface ResumeRequest {
  readonly lastSeq: number;
  /** The id of the message that the client has at `lastSeq`. */
  readonly lastId?: string;
  readonly epoch?: string;
}

export type ParsedConnect = { ok: true; request: ConnectRequest } | { ok: false; field: string; error: string };

/** An epoch that a client may name. Ours are shorter. */
const EPOCH_PATTERN = /^[A-Za-z0-9._~-]{0,64}$/;

/** Reads the query string of `GET /ws/chat/` (C1, C2), without the question mark. Never throws. */
export function parseConnectQuery(query: string): ParsedConnect {
  const fields = parseQuery(query);
  if (!fields) return refuse('query', 'the query string is not valid percent-encoding');

  const sessionId = fields.get('session');
  if (sessionId !== undefined && !isSessionId(sessionId)) {
    return refuse('session', `session must be ${SESSION_ID_RULE}`);
  }
  const redisPersistence = parseFlag(fields.get('redis_persistence'));
  if (redisPersistence === undefined) return refuse('redis_persistence', 'redis_persistence must be true or false');
  const presence = parseFlag(fields.get('presence'));
  if (presence === undefined) return refuse('presence', 'presence must be true or false');

  const client = fields.get('client');
  if (client !== undefined && !isClientSecret(client)) {
    return refuse('client', 'client must be 16 to 64 of A-Z a-z 0-9 . _ ~ -');
  }
  const token = fields.get('token');
  const request: Mutable<ConnectRequest> = { redisPersistence, presence };
  if (sessionId !== undefined) request.sessionId = sessionId;
  if (token !== undefined) request.token = token;
  if (client !== undefined) request.client = client;

  const lastSeq = fields.get('last_seq');
  const lastId = fields.get('last_id');
  const epoch = fields.get('epoch');
  if (lastId !== undefined && lastId !== '' && !isSendId(lastId)) {
    return refuse('last_id', 'last_id must be 1 to 64 of A-Z a-z 0-9 . _ ~ -');
  }
  if (epoch !== undefined && !EPOCH_PATTERN.test(epoch)) {
    return refuse('epoch', 'epoch must be at most 64 of A-Z a-z 0-9 . _ ~ -');
  }
  if (lastSeq !== undefined) {
    const seq = /^\d{1,16}$/.test(lastSeq) ? Number(lastSeq) : Number.NaN;
    if (!Number.isSafeInteger(seq)) return refuse('last_seq', 'last_seq must be a whole number, 0 or more');
    const resume: Mutable<ResumeRequest> = { lastSeq: seq };
    if (lastId) resume.lastId = lastId;
    if (epoch) resume.epoch = epoch;
    request.resume = resume;
  }
  return { ok: true, request };
}

/** The protocol that a connection speaks (C3). */
export type WireProtocol = 'plain' | 'framed';

const ESCAPED = /[%+]/;

/** The protocol that a `Sec-WebSocket-Protocol` header chooses (C3); nothing when it offers only others. */
export function chooseProtocol(header: string): WireProtocol | undefined {
  if (header.trim() === '') return 'plain';
  return header.split(',').some((name) => name.trim() === FRAMED_PROTOCOL) ? 'framed' : undefined;
}

function parseFlag(value: string | undefined): boolean | undefined {
  if (value === undefined || value === 'false') return false;
  return value === 'true' ? true : undefined;
}

/** Splits a query string. The first value of a repeated field counts. @returns nothing when an escape is broken */
function parseQuery(query: string): Map<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const rawName = at < 0 ? pair : pair.slice(0, at);
    const rawValue = at < 0 ? '' : pair.slice(at + 1);
    try {
      const name = decode(rawName);
      if (!fields.has(name)) fields.set(name, decode(rawValue));
    } catch {
      return undefined;
    }
  }
  return fields;
}

/** @throws URIError when an escape is broken */
function decode(text: string): string {
  // Hardly any value has an escape.
  return ESCAPED.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text;
}

function refuse(field: string, error: string): ParsedConnect {
  return { ok: false, field, error };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
