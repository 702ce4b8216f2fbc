import { type DestinationStream, type Logger as PinoLogger, pino, stdSerializers, stdTimeFunctions } from 'pino';
import { consoleStream } from './console-stream.js';
import type { ProcessIdentity } from './metric-types.js';

export type Logger = PinoLogger;

export interface LoggerOptions extends ProcessIdentity {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** `json`: one object a line; `console`: lines like `INFO: Session stored in Redis: …`, as in the original guides. */
  readonly format: 'json' | 'console';
  /** Where lines go. Default: standard output, written before the call returns, so that a crash loses none. */
  readonly destination?: DestinationStream;
}

/**
 * Never in a log: what people write, and what lets one in. Only a net under those who log; they name fields one by one.
 */
const SECRET_FIELDS = ['content', 'token', 'password', 'secret', 'authorization', 'cookie'];

/** Creates the logger of a process. One event a line; `msg` is its text. */
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
