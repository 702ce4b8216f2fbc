import type { CustomData, SessionRecord } from './port.js';

/** Fields of the session's data that are the product's own; callers may not set them. */
export const RESERVED_FIELDS: readonly string[] = ['count', 'last_activity', 'disconnected_at'];

/** A record with what only the store needs to know. */
export interface SessionState extends SessionRecord {
  /** Number of the newest message that was stored from a retried send; 0 when there is none (A4). */
  readonly retried: number;
}

/** What the scripts read and write; they check the custom fields in the middle for nothing but their place. */
const SHAPE =
  /^\{"data":\{"count":\d{1,14},"last_activity":\d+\.?\d*(?:,"disconnected_at":\d+\.?\d*)?(.*)\},"created_at":\d+\.?\d*,"ttl":\d{1,14},"epoch":"[\w.~-]+","retried":\d{1,14}(?:,"kept":\d{1,14},"newest":"[\w.~-]*")?\}$/s;

/** Reads the JSON of K1. Nothing when it is not what {@link renderSession} writes. */
export function parseSession(json: string): SessionState | undefined {
  if (!SHAPE.test(json)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isObject(value) || !isObject(value['data'])) return undefined;
  const { count, last_activity: lastActivity, disconnected_at: disconnectedAt, ...custom } = value['data'];
  const { created_at: createdAt, ttl, epoch, retried } = value;
  if (!isNumber(count) || !isNumber(lastActivity) || !isNumber(createdAt) || !isNumber(ttl)) return undefined;
  if (!isNumber(retried) || typeof epoch !== 'string') return undefined;
  const record = { count, lastActivity, custom, createdAt, ttl, epoch, retried };
  return isNumber(disconnectedAt) ? { ...record, disconnectedAt } : record;
}

/**
 * The custom part of K1's JSON: empty, or `,"name":value…`.
 *
 * @throws {RangeError} when a field is one of {@link RESERVED_FIELDS}
 */
export function renderCustom(custom: CustomData): string {
  const reserved = RESERVED_FIELDS.find((field) => Object.hasOwn(custom, field));
  if (reserved !== undefined) throw new RangeError(`data.${reserved} is reserved: it is the session's own`);
  const fields = JSON.stringify(custom).slice(1, -1);
  return fields === '' ? '' : `,${fields}`;
}

/**
 * Puts fields into a custom part of K1's JSON. The others stay byte for byte: another writer's numbers may be longer
 * than JavaScript's.
 *
 * @param part JSON, as {@link customPartOf} answers it
 * @throws {RangeError} when a field is one of {@link RESERVED_FIELDS}
 */
export function mergeCustom(part: string, custom: CustomData): string {
  const added = splitFields(renderCustom(custom));
  const replaced = new Set(Object.keys(custom));
  const kept = splitFields(part).filter((field) => !replaced.has(nameOf(field)));
  return [...kept, ...added].map((field) => `,${field}`).join('');
}

/** The `"name":value` of a custom part. */
function splitFields(part: string): string[] {
  const fields: string[] = [];
  let start = 1;
  let depth = 0;
  for (const { 0: token, index } of part.matchAll(/"(?:[^"\\]+|\\.)*"|[[\]{},]/gs)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token === ',' && depth === 0 && index > 0) {
      fields.push(part.slice(start, index));
      start = index + 1;
    }
  }
  return part === '' ? [] : [...fields, part.slice(start)];
}

function nameOf(field: string): string {
  return JSON.parse(/"(?:[^"\\]+|\\.)*"/s.exec(field)?.[0] ?? '""') as string;
}

/** The custom part as it stands in a stored JSON, byte for byte, whether it can be read or not. */
export function customPartOf(json: string): string {
  return SHAPE.exec(json)?.[1] ?? '';
}

/** Writes the JSON of K1 as the scripts do. */
export function renderSession(state: SessionState): string {
  const disconnected = state.disconnectedAt === undefined ? '' : `,"disconnected_at":${seconds(state.disconnectedAt)}`;
  return (
    `{"data":{"count":${state.count},"last_activity":${seconds(state.lastActivity)}${disconnected}` +
    `${renderCustom(state.custom)}},"created_at":${seconds(state.createdAt)},"ttl":${state.ttl},` +
    `"epoch":"${state.epoch}","retried":${state.retried}}`
  );
}

/** An epoch: time of its beginning in microseconds, so that epochs sort (G5), and a nonce. Always after `previous`. */
export function newEpoch(microseconds: number, nonce: string, previous = ''): string {
  const earliest = previous === '' ? 0 : Number.parseInt(previous.slice(0, 13), 16) + 1;
  return `${Math.max(Math.floor(microseconds), earliest).toString(16).padStart(13, '0')}-${nonce}`;
}

function seconds(value: number): string {
  return value.toFixed(3);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
