import { type ParseArgsConfig, parseArgs } from 'node:util';

/** One argument of a command. */
export interface Argument {
  /** What follows it, as the help names it. */
  readonly takes: string;
  readonly meaning: string;
  /** Whether it may be given several times. */
  readonly multiple?: true;
}

/** An argument that is unknown, missing or of the wrong form; the message names it. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/** The arguments as given, by name without dashes; `help` when that was asked for. */
export type Given<Name extends string> = Partial<Record<Name, string[]>> & { readonly help?: boolean };

/** @throws ArgumentError for one that is not in the table, or lacks its value */
export function readArguments<Name extends string>(
  table: Readonly<Record<Name, Argument>>,
  argv: readonly string[],
): Given<Name> {
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean' } };
  for (const name of Object.keys(table)) options[name] = { type: 'string', multiple: true };
  try {
    const { values } = parseArgs({ args: [...argv], options, allowPositionals: false });
    const given = values as Given<Name>;
    for (const [name, argument] of Object.entries<Argument>(table)) {
      const count = given[name as Name]?.length ?? 0;
      if (count > 1 && !argument.multiple) throw new ArgumentError(`--${name} may be given once only`);
    }
    return given;
  } catch (error) {
    if (error instanceof ArgumentError) throw error;
    throw new ArgumentError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** @throws ArgumentError when the text is not a number; whether it is in range is for the one to say who knows */
export function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new ArgumentError(`--${name} must be a number, not "${text}"`);
  return value;
}

/** @throws ArgumentError when it is not a URL with one of the protocols */
export function readUrl(name: string, text: string, protocols: readonly string[]): URL {
  const wanted = protocols.map((protocol) => `${protocol}//`).join(' or ');
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
    throw new ArgumentError(`--${name} must be a URL that begins with ${wanted}, not "${text}"`);
  }
  return new URL(text);
}

/** The table as the help shows it. */
export function describeArguments(table: Readonly<Record<string, Argument>>): string {
  const rows = Object.entries(table).map(([name, { takes, meaning }]) => [`--${name} ${takes}`, meaning] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, meaning]) => `  ${left.padEnd(width)}  ${meaning}`).join('\n');
}
