import { type DestinationStream, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';
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
 * Fields that no log may show: contents and credentials (N1). Whoever logs names the fields one by one; this catches
 * mistakes.
 */
const SECRET_FIELDS = [
  ...['content', 'token', 'password', 'secret', 'authorization', 'cookie'],
  ...['client', 'query', 'args', 'buffer', 'body'],
];

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
      serializers: { err: describeError, error: describeError },
      hooks: {
        // pino would take the error's message for a line without a text.
        logMethod([first, text, ...values], method) {
          const fields: unknown = first instanceof Error ? { err: first } : first;
          const isUntold = typeof fields === 'object' && text === undefined;
          Reflect.apply(method, this, [fields, isUntold ? 'An error without a word' : text, ...values]);
        },
      },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[redacted]' },
    },
    format === 'json' ? destination : consoleStream(destination),
  );
}

/**
 * Ends the process for an error that nobody has caught, with a line that shows what {@link describeError} shows of it.
 * Node would print every property of the error.
 */
export function logUncaught(logger: Pick<Logger, 'fatal'>): void {
  process.on('uncaughtException', (err, origin) => {
    logger.fatal({ err, origin }, 'An error that nobody has caught ends the process');
    process.exit(1);
  });
}

/** What the log shows of an error. */
interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  /** As `ECONNREFUSED`. */
  readonly code?: string;
  readonly cause?: ErrorDescription;
  readonly errors?: readonly ErrorDescription[];
}

/** How many causes of causes are shown: an error may be its own cause. */
const CAUSES_MAX = 5;

/**
 * Picks from an error what may be logged (N1). Everything else that hangs on it stays out: libraries keep there the
 * arguments of a command, the bytes that they could not read, or a URL with its password.
 */
function describeError(error: unknown, causes = CAUSES_MAX): unknown {
  if (typeof error === 'string') return error;
  if (!(error instanceof Error)) return { type: typeof error, message: 'something was thrown that is no error' };
  return descriptionOf(error, causes);
}

function descriptionOf(error: Error, causes: number): ErrorDescription {
  const { name, message, stack, cause } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const describe = (each: unknown): ErrorDescription[] =>
    each instanceof Error && causes > 0 ? [descriptionOf(each, causes - 1)] : [];
  const [because] = describe(cause);
  const errors = error instanceof AggregateError ? (error.errors as unknown[]).flatMap(describe) : [];
  const said = error instanceof SyntaxError ? withoutText(message) : message;
  return {
    type: name,
    message: said,
    // The stack begins with the message.
    ...(stack !== undefined && { stack: stack.replace(message, () => said) }),
    ...(code !== undefined && { code }),
    ...(because !== undefined && { cause: because }),
    ...(errors.length > 0 && { errors }),
  };
}

/** `JSON.parse` and its like repeat a part of the text that they could not read, which may be anybody's. */
function withoutText(message: string): string {
  const where = /at position \d+/.exec(message)?.[0];
  return `the text could not be read${where === undefined ? '' : ` ${where}`}`;
}

/** The parts of pino's line that the console shows. */
interface Line {
  readonly level: string;
  readonly msg?: string;
  readonly err?: Partial<ErrorDescription>;
}

/** Turns pino's JSON lines into `LEVEL: text`, followed by the stacks of an error and its causes where there is one. */
function consoleStream(destination: DestinationStream): DestinationStream {
  return {
    write(json) {
      const { level, msg, err } = JSON.parse(json) as Line;
      const text = [msg, ...stacksOf(err)].filter((part) => part !== undefined && part !== '');
      destination.write(`${level.toUpperCase()}: ${text.join('\n')}\n`);
    },
  };
}

function stacksOf(error: Partial<ErrorDescription> | undefined): string[] {
  if (error === undefined) return [];
  const { stack, message = '', cause } = error;
  const [first, ...others] = stacksOf(cause);
  return [stack ?? message, ...(first === undefined ? [] : [`caused by: ${first}`, ...others])];
}
