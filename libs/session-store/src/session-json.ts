import type { CustomData, SessionRecord } from './port.js';

/**
 * The JSON of a session (K1). Only scripts write it, by `lua/parts/session-json.lua`; this file reads it, and renders
 * the custom fields that scripts are given.
 */

/** Fields of the session's data that the product sets itself; callers may not. */
export const RESERVED_FIELDS: readonly string[] = ['count', 'last_activity', 'disconnected_at'];

/** A record with the field that only the store needs. */
export interface SessionState extends SessionRecord {
  /** Number of the newest message that was stored from a retried send; 0 when there is none (A4). */
  readonly retried: number;
}

/**
 * The form that scripts read and write. They check the custom fields in the middle for nothing but their place. Nothing
 * can be matched in two ways, so that reading takes a time in proportion to the length, whoever has written the text.
 */
const TIME = String.raw`\d+(?:\.\d*)?(?=[\s,}])`;
const SHAPE = new RegExp(
  String.raw`^\{"data":\{"count":\d{1,14},"last_activity":${TIME}(?:,"disconnected_at":${TIME})?(.*)\}` +
    String.raw`,"created_at":${TIME},"ttl":\d{1,14},"epoch":"[\w.~-]+","retried":\d{1,14}` +
    String.raw`(?:,"kept":\d{1,14},"newest":"[\w.~-]*")?\}$`,
  's',
);

/** Reads the JSON of K1. @returns nothing when it has another form */
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
  refuseReserved(custom);
  const fields = JSON.stringify(custom).slice(1, -1);
  return fields === '' ? '' : `,${fields}`;
}

/** @throws {RangeError} when a field is one of {@link RESERVED_FIELDS} */
export function refuseReserved(custom: CustomData): void {
  const reserved = RESERVED_FIELDS.find((field) => Object.hasOwn(custom, field));
  if (reserved !== undefined) throw new RangeError(`data.${reserved} is reserved: it is the session's own`);
}

/** The custom part of a stored JSON, byte for byte, whether that part is valid JSON or not. */
export function customPartOf(json: string): string {
  return SHAPE.exec(json)?.[1] ?? '';
}

/**
 * Names an epoch: the time of its beginning, so that epochs sort (G5), and a nonce. `lua/parts/clock.lua` does the
 * same.
 *
 * @param microseconds since 1970
 * @param previous an epoch that the new one must sort behind
 */
export function newEpoch(microseconds: number, nonce: string, previous = ''): string {
  const earliest = Number.parseInt(previous.slice(0, 13), 16) + 1 || 0;
  return `${Math.max(Math.floor(microseconds), earliest).toString(16).padStart(13, '0')}-${nonce}`;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
