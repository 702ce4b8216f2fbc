/**
 * What JSON readers would change or lose in data that Holdfast only keeps for others (C8).
 *
 * `JSON.parse` has read the text before; this file looks at the text again, because a parsed value no longer tells what
 * it was read from.
 */

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Most characters of a path, and of a number, that a problem repeats. */
const PATH_MAX_LENGTH = 200;
const NUMBER_MAX_LENGTH = 40;
/** A decimal of this many digits without an exponent is kept, whatever it is. */
const KEPT_DIGITS = 15;

/** An object or array that is open at the place which is being read. */
interface Level {
  /** The keys so far; absent in an array. */
  readonly keys?: Set<string>;
  /** Key or index of what comes now; undefined where a key comes next. */
  name: string | number | undefined;
}

/**
 * Finds the first place that would not come back as it was given (C8): a number that JavaScript cannot hold, a key that
 * its object has twice, or a key by which JavaScript reaches the prototype of objects.
 *
 * @param text valid JSON
 * @param only the field of the outermost object that is looked at; absent: all of them
 * @returns a sentence that begins with the path of the place, such as `data.order.id`; nothing when all of it is kept
 */
export function jsonProblem(text: string, only?: string): string | undefined {
  const levels: Level[] = [];
  let level: Level | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    let problem: string | undefined;
    if (char === '"') {
      const start = at;
      at = endOfString(text, start);
      if (!level?.keys || level.name !== undefined) continue;
      const written = text.slice(start + 1, at);
      level.name = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written;
      problem = keyProblem(level.name, level.keys, levels.at(-2)?.name);
      level.keys.add(level.name);
    } else if (char === '-' || isDigit(char)) {
      const start = at;
      at = endOfNumber(text, start);
      problem = numberProblem(text.slice(start, at + 1));
    } else if (char === '{' || char === '[') {
      level = char === '{' ? { keys: new Set(), name: undefined } : { name: 0 };
      levels.push(level);
    } else if (char === '}' || char === ']') {
      levels.pop();
      level = levels.at(-1);
    } else if (char === ',' && level) {
      level.name = typeof level.name === 'number' ? level.name + 1 : undefined;
    }
    if (problem !== undefined && (only === undefined || levels[0]?.name === only)) {
      return `${pathOf(levels)} ${problem}`;
    }
  }
  return undefined;
}

/** Where the string that begins at a quote has its closing quote. */
function endOfString(text: string, start: number): number {
  let end = start;
  let slashes: number;
  do {
    end = text.indexOf('"', end + 1);
    slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
  } while (slashes % 2 === 1);
  return end;
}

/** Where the number that begins here has its last character. */
function endOfNumber(text: string, start: number): number {
  let end = start;
  while (isOfNumber(text.charAt(end + 1))) end += 1;
  return end;
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

function isOfNumber(char: string): boolean {
  return isDigit(char) || char === '.' || char === 'e' || char === 'E' || char === '+' || char === '-';
}

function keyProblem(name: string, keys: ReadonlySet<string>, parent: Level['name']): string | undefined {
  if (keys.has(name)) return 'must be given only once';
  if (name === '__proto__' || (name === 'prototype' && parent === 'constructor')) {
    return 'must be left out: JavaScript reads this name as the prototype of objects';
  }
  return undefined;
}

function numberProblem(source: string): string | undefined {
  if (source.length <= KEPT_DIGITS && !source.includes('e') && !source.includes('E')) return undefined;
  const kept = String(Number(source));
  if (kept === source || decimalOf(kept) === decimalOf(source)) return undefined;
  const shown = source.length > NUMBER_MAX_LENGTH ? `${source.slice(0, NUMBER_MAX_LENGTH)}…` : source;
  return `must be a number that JavaScript keeps, or a string: ${shown} would become ${kept}`;
}

/** A number's value as its digits without outer zeros, and the power of ten of the last one. Equal values are equal. */
function decimalOf(number: string): string {
  const [, sign, whole, fraction = '', exponent = '0'] = DECIMAL.exec(number) ?? [];
  // Infinity equals no number that JSON can have.
  if (whole === undefined) return number;
  const digits = `${whole}${fraction}`;
  let start = 0;
  let end = digits.length;
  while (start < end && digits[start] === '0') start += 1;
  while (end > start && digits[end - 1] === '0') end -= 1;
  if (start === end) return '0';
  const power = Number(exponent) - fraction.length + digits.length - end;
  return `${sign}${digits.slice(start, end)}e${power}`;
}

function pathOf(levels: readonly Level[]): string {
  const path = levels.map(({ name }) => name).join('.');
  if (path === '') return 'the value';
  return path.length > PATH_MAX_LENGTH ? `${path.slice(0, PATH_MAX_LENGTH)}…` : path;
}
