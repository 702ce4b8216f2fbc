import type { DestinationStream } from 'pino';

/** The part of pino's line that people read. */
interface Line {
  readonly level: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

/** Turns pino's JSON lines into `LEVEL: text`, followed by the stack of an error where there is one. */
export function consoleStream(destination: DestinationStream): DestinationStream {
  return {
    write(json) {
      const { level, msg, err } = JSON.parse(json) as Line;
      const text = [msg, err?.stack ?? err?.message].filter((part) => part !== undefined && part !== '');
      destination.write(`${level.toUpperCase()}: ${text.join('\n')}\n`);
    },
  };
}
