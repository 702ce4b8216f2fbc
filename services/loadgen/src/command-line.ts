import { type ParseArgsConfig, parseArgs } from 'node:util';

/** An argument of a command. */
export interface Argument {
  /** What the argument's value is called in the help. */
  readonly takes: string;
  readonly meaning: string;
  /** Whether it may be given several times. */
  readonly multiple?: true;
}

/** An argument is unknown, or its value is missing or wrong. The message names the argument. */
export class ArgumentError extends Error {
  override readonly name = 'ArgumentError';
}

/** The given values by argument, without dashes. `help` is true when the help was asked for. */
export type Given<Name extends string> = Partial<Record<Name, string[]>> & { readonly help?: boolean };

/**
 * @throws ArgumentError for an argument that is not in the table, that lacks its value, or that is repeated in error
 */
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

/** Reads a number, whose range the caller has to check. @throws ArgumentError when the text is no number */
export function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new ArgumentError(`--${name} must be a number, not "${text}"`);
  return value;
}

/** @param protocols such as `http:` @throws ArgumentError when the text is no URL with one of the protocols */
export function readUrl(name: string, text: string, protocols: readonly string[]): URL {
  const wanted = protocols.map((protocol) => `${protocol}//`).join(' or ');
  const url = urlOf(text);
  if (!url || !protocols.includes(url.protocol)) {
    throw new ArgumentError(`--${name} must be a URL that begins with ${wanted}, not "${text}"`);
  }
  return url;
}

/** The table as lines of the help. */
export function describeArguments(table: Readonly<Record<string, Argument>>): string {
  const rows = Object.entries(table).map(([name, { takes, meaning }]) => [`--${name} ${takes}`, meaning] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, meaning]) => `  ${left.padEnd(width)}  ${meaning}`).join('\n');
}

/** A command of `npm run`, from its arguments to its exit code. */
export interface Command<Options> {
  readonly name: string;
  readonly help: string;
  /** @returns nothing when the help was asked for @throws ArgumentError */
  readonly read: (argv: readonly string[]) => Options | undefined;
  /** @returns whether everything is well */
  readonly run: (options: Options) => Promise<boolean>;
}

/**
 * Runs a command with the arguments of this process, or shows its help. The exit code is 0 when all is well, 1 when
 * something is not, and 2 for a wrong argument.
 */
export async function runCommand<Options>({ name, help, read, run }: Command<Options>): Promise<void> {
  try {
    const options = read(process.argv.slice(2));
    if (options === undefined) console.log(help);
    else if (!(await run(options))) process.exitCode = 1;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isArgument = error instanceof ArgumentError;
    console.error(isArgument ? `${message}\nSee npm run ${name} -- --help` : `FAILED: ${message}`);
    process.exitCode = isArgument ? 2 : 1;
  }
}

/** @returns nothing when the text is no URL */
export function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
