/** Bytes of a message's content in every workload. */
export const CONTENT_BYTES = 64;
/** The character that every content begins with. No server's frames have it anywhere before the content. */
export const MARK = 0x40;

const MEMBER_DIGITS = 6;
const COUNT_DIGITS = 8;
const TIME_DIGITS = 16;
const COUNT_AT = 1 + MEMBER_DIGITS + 1;
const TIME_AT = COUNT_AT + COUNT_DIGITS + 1;

/**
 * A message's content: its sender, its count among the sender's messages, and the time when it was due.
 *
 * @param dueUs see {@link nowUs}
 */
export function contentOf(member: number, count: number, dueUs: number): string {
  const who = String(member).padStart(MEMBER_DIGITS, '0');
  const which = String(count).padStart(COUNT_DIGITS, '0');
  return `@${who}.${which}.${String(Math.floor(dueUs)).padStart(TIME_DIGITS, '0')}`.padEnd(CONTENT_BYTES, 'x');
}

/** Reads the number of the sender. @param at where the content's mark is, as in the two functions below */
export const memberIn = (buffer: Buffer, at: number): number => number(buffer, at + 1, MEMBER_DIGITS);
export const countIn = (buffer: Buffer, at: number): number => number(buffer, at + COUNT_AT, COUNT_DIGITS);
export const dueUsIn = (buffer: Buffer, at: number): number => number(buffer, at + TIME_AT, TIME_DIGITS);

/** Reads sender and count from a stored content. */
export function readContent(content: string): { member: number; count: number } {
  return { member: Number(content.slice(1, COUNT_AT - 1)), count: Number(content.slice(COUNT_AT, TIME_AT - 1)) };
}

function number(buffer: Buffer, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at++) value = value * 10 + (buffer[at] ?? 0) - 0x30;
  return value;
}

/**
 * How far the machine's clock is ahead of this thread's. A thread that is interrupted between the two readings gets too
 * small a difference, so that the largest of several is the right one.
 */
const offsetUs = Math.max(
  ...Array.from({ length: 20 }, () => Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000),
);

/** Microseconds of the machine's monotonic clock, which is the same in all processes. */
export const nowUs = (): number => performance.now() * 1_000 + offsetUs;
