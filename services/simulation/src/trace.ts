import { createLogger, type Logger } from '@holdfast/telemetry';

/** The lines that tell what happened in a run. */
export class Trace {
  readonly lines: string[] = [];
  /** Whether lines are kept. Look here before building a line, because most runs need none. */
  readonly isOn: boolean;

  constructor(isOn: boolean) {
    this.isOn = isOn;
  }

  /** @param atMs virtual time */
  add(atMs: number, line: string): void {
    if (this.isOn) this.lines.push(`${atMs.toFixed(3).padStart(10)}  ${shortened(line)}`);
  }

  /** A hash by which two traces are compared (FNV-1a). */
  hash(): number {
    let hash = 0x811c9dc5;
    for (const line of this.lines) {
      for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    }
    return hash >>> 0;
  }
}

/** Most characters of a line. */
const LINE_MAX = 1_500;

/** Leaves out the middle of a long line, as one with a large message is. */
function shortened(line: string): string {
  if (line.length <= LINE_MAX) return line;
  return `${line.slice(0, LINE_MAX / 2)}…(${line.length} characters)…${line.slice(-LINE_MAX / 2)}`;
}

const IDENTITY = { service: 'gateway', color: 'blue', instance: 'simulation' } as const;
/** The log of gateways that nobody watches. */
export const SILENT = createLogger({ ...IDENTITY, level: 'silent', format: 'json' });

/** A log that becomes lines of a trace. */
export function loggerTo(note: (line: string) => void): Logger {
  const destination = {
    write: (line: string) => {
      const { level, msg, sessionId = '', reason = '' } = JSON.parse(line) as Record<string, string>;
      note(`log ${level}: ${msg} ${sessionId} ${reason}`);
    },
  };
  return createLogger({ ...IDENTITY, level: 'debug', format: 'json', destination });
}
