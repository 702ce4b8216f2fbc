/** Bytes of a message's content in every workload. */
export const CONTENT_BYTES = 64;
/** Marks where a content begins: no server's frame has it elsewhere. */
export const MARK = 0x40;

const MEMBER_DIGITS = 6;
const COUNT_DIGITS = 8;
const TIME_DIGITS = 16;
const COUNT_AT = 1 + MEMBER_DIGITS + 1;
const TIME_AT = COUNT_AT + COUNT_DIGITS + 1;

/** A message's content: who sent it, as which of its messages, and when it was due. @param dueUs see {@link nowUs} */
export function contentOf(member: number, count: number, dueUs: number): string {
  const who = String(member).padStart(MEMBER_DIGITS, '0');
  const which = String(count).padStart(COUNT_DIGITS, '0');
  return `@${who}.${which}.${String(Math.floor(dueUs)).padStart(TIME_DIGITS, '0')}`.padEnd(CONTENT_BYTES, 'x');
}

/** @param at where the content's mark is */
export const memberIn = (buffer: Buffer, at: number): number => number(buffer, at + 1, MEMBER_DIGITS);
export const countIn = (buffer: Buffer, at: number): number => number(buffer, at + COUNT_AT, COUNT_DIGITS);
export const dueUsIn = (buffer: Buffer, at: number): number => number(buffer, at + TIME_AT, TIME_DIGITS);

/** Who sent a message, and as which of its messages, from its stored content. */
export function readContent(content: string): { member: number; count: number } {
  return { member: Number(content.slice(1, COUNT_AT - 1)), count: Number(content.slice(COUNT_AT, TIME_AT - 1)) };
}

function number(buffer: Buffer, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at++) value = value * 10 + (buffer[at] ?? 0) - 0x30;
  return value;
}

const offsetUs = Number(process.hrtime.bigint() / 1_000n) - performance.now() * 1_000;

/** Microseconds on the machine's monotonic clock, which all processes share. */
export const nowUs = (): number => performance.now() * 1_000 + offsetUs;
