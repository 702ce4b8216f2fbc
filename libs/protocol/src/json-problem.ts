/**
 * What JSON readers would change or lose in data that Holdfast only keeps for others (C8).
 *
 * `JSON.parse` has read the text before; this file looks at the text again, because a parsed value no longer tells what
 * it was read from.
 */

/** One string, number, or mark of structure. In valid JSON no other character matters here. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}[\],]/g;
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Most characters of a path, and of a number, that a problem repeats. */
const PATH_MAX_LENGTH = 200;
const NUMBER_MAX_LENGTH = 40;

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
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    const first = token.charAt(0);
    let problem: string | undefined;
    if (first === '{') levels.push({ keys: new Set(), name: undefined });
    else if (first === '[') levels.push({ name: 0 });
    else if (first === '}' || first === ']') levels.pop();
    else if (first === ',') {
      if (level) level.name = typeof level.name === 'number' ? level.name + 1 : undefined;
    } else if (first !== '"') problem = numberProblem(token);
    else if (level?.keys && level.name === undefined) {
      level.name = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
      problem = keyProblem(level.name, level.keys, levels.at(-2)?.name);
      level.keys.add(level.name);
    }
    if (problem !== undefined && (only === undefined || levels[0]?.name === only)) {
      return `${pathOf(levels)} ${problem}`;
    }
  }
  return undefined;
}

function keyProblem(name: string, keys: ReadonlySet<string>, parent: Level['name']): string | undefined {
  if (keys.has(name)) return 'must be given only once';
  if (name === '__proto__' || (name === 'prototype' && parent === 'constructor')) {
    return 'must be left out: JavaScript reads this name as the prototype of objects';
  }
  return undefined;
}

function numberProblem(source: string): string | undefined {
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
