/** Arguments that stay the same from call to call, encoded once. */
export interface EncodedArguments {
  readonly values: readonly (string | number)[];
  /** The bulk strings of RESP that they are on the wire. */
  readonly text: string;
  /** Whether a byte stands for each character of `text`. */
  readonly isAscii: boolean;
}

/** An argument of a script, or several that were encoded before. */
export type ScriptArgument = string | number | EncodedArguments;

/** Encodes arguments for use in many calls. */
export function encodeArguments(...values: (string | number)[]): EncodedArguments {
  const encoder = new ArgumentEncoder();
  for (const value of values) encoder.add(value);
  // V8 keeps a text that was put together as a tree of its pieces; a copy by way of bytes is one piece.
  return { values, text: Buffer.from(encoder.text).toString(), isAscii: encoder.isAscii };
}

/** The arguments one by one, for a client that encodes them itself. */
export function plainArguments(args: readonly ScriptArgument[]): (string | number)[] {
  return args.flatMap((arg) => (typeof arg === 'object' ? arg.values : arg));
}

/** Writes arguments one after the other as they go over the wire. */
export class ArgumentEncoder {
  text: string;
  isAscii = true;
  /** Arguments written so far. */
  count = 0;

  /** @param head what the text begins with, in ASCII; not counted as an argument */
  constructor(head = '') {
    this.text = head;
  }

  add(value: string | number): void {
    const text = typeof value === 'string' ? value : String(value);
    const bytes = Buffer.byteLength(text);
    this.isAscii &&= bytes === text.length;
    this.count += 1;
    this.text += `$${bytes}\r\n${text}\r\n`;
  }

  addAll(args: readonly ScriptArgument[]): this {
    for (const arg of args) {
      if (typeof arg !== 'object') this.add(arg);
      else {
        this.isAscii &&= arg.isAscii;
        this.count += arg.values.length;
        this.text += arg.text;
      }
    }
    return this;
  }
}
