import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { ProcessIdentity } from './create-metrics.js';

export type Logger = PinoLogger;

export interface LoggerOptions extends ProcessIdentity {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `json`: one object a line. `console`: lines like `INFO: Session stored in Redis: …`, as in the original guides. */
  readonly format: 'json' | 'console';
  /** Where lines go. Default: standard output, written before the call returns, so that a crash loses none. */
  readonly destination?: DestinationStream;
}

/**
 * Fields that no log may show: contents and credentials. Whoever logs names the fields one by one; this catches mistakes.
 */
const SECRET_FIELDS = ['content', 'token', 'password', 'secret', 'authorization', 'cookie'];

/** Creates the logger of a process. Each event is one line, with its text in `msg`. */
export function createLogger(options: LoggerOptions): Logger {
  const { service, color, instance, level, format } = options;
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      level,
      base: { service, color, instance },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    },
    format === 'json' ? destination : consoleStream(destination),
  );
}

/** The parts of pino's line that the console shows. */
interface Line {
  readonly level: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

/** Turns pino's JSON lines into `LEVEL: text`, followed by the stack of an error where there is one. */
function consoleStream(destination: DestinationStream): DestinationStream {
  return {
    write(json) {
      const { level, msg, err } = JSON.parse(json) as Line;
      const text = [msg, err?.stack ?? err?.message].filter((part) => part !== undefined && part !== '');
      destination.write(`${level.toUpperCase()}: ${text.join('\n')}\n`);
    },
  };
}
