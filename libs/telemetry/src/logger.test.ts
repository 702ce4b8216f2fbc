import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from './logger.js';

function logTo(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({
    service: 'gateway',
    color: 'green',
    instance: 'host:1',
    level: 'info',
    format: 'json',
    destination,
    ...options,
  });
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('createLogger', () => {
  it('writes one JSON object a line, with the process it comes from', () => {
    const { logger, lines, parsed } = logTo();
    logger.info({ sessionId: 'my-session' }, 'Session stored in Redis: my-session, TTL: 3600s');
    expect(lines).toEqual([expect.stringMatching(/^\{.*\}\n$/)]);
    expect(parsed()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        service: 'gateway',
        color: 'green',
        instance: 'host:1',
        sessionId: 'my-session',
        msg: 'Session stored in Redis: my-session, TTL: 3600s',
      },
    ]);
  });

  it('writes the console lines as the original guides show them', () => {
    const { logger, lines } = logTo({ format: 'console' });
    logger.info({ sessionId: 'my-session' }, 'Session loaded from Redis: my-session, count: 5');
    expect(lines).toEqual(['INFO: Session loaded from Redis: my-session, count: 5\n']);
  });

  it('shows the stack of an error on the console', () => {
    const { logger, lines } = logTo({ format: 'console' });
    logger.error({ err: new Error('no answer') }, 'Redis is away');
    expect(lines.join('')).toMatch(/^ERROR: Redis is away\nError: no answer\n {4}at /);
  });

  it('keeps to the level', () => {
    const { logger, lines } = logTo({ level: 'warn' });
    logger.info('not this');
    logger.warn('this');
    expect(lines).toHaveLength(1);
  });

  it.each(['json', 'console'] as const)('lets no content and no token through (%s)', (format) => {
    const { logger, lines } = logTo({ format });
    const secrets = { content: 'S3CR3T', token: 'S3CR3T', password: 'S3CR3T', authorization: 'Bearer S3CR3T' };
    logger.info({ ...secrets, frame: secrets, headers: { cookie: 'S3CR3T' } }, 'A frame');
    expect(lines.join('')).not.toContain('S3CR3T');
  });
});
