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

  it.each(['json', 'console'] as const)('N1: lets no content and no credential through (%s)', (format) => {
    const { logger, lines } = logTo({ format });
    const secrets = { content: 'S3CR3T', token: 'S3CR3T', password: 'S3CR3T', authorization: 'Bearer S3CR3T' };
    logger.info({ ...secrets, frame: secrets, headers: { cookie: 'S3CR3T' } }, 'A frame');
    logger.info({ client: 'S3CR3T', query: 'S3CR3T', command: { args: ['S3CR3T'] }, buffer: 'S3CR3T' }, 'A request');
    expect(lines.join('')).not.toContain('S3CR3T');
  });

  const parse = (): unknown => JSON.parse('{"content":"S3CR3T"');
  const openGroup = ['(', 'S3CR3T'].join('');
  const convert = (): unknown => BigInt('S3CR3T');
  const thrownBy = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (error) {
      return error;
    }
  };

  it.each([
    ['a command of Redis', Object.assign(new Error('ERR'), { command: { name: 'evalsha', args: ['S3CR3T'] } })],
    ['bytes that could not be read', Object.assign(new Error('Protocol error'), { buffer: Buffer.from('S3CR3T') })],
    ['a URL with its password', thrownBy(() => new URL('S3CR3T:// :S3CR3T@host'))],
    ['a cause', new Error('failed', { cause: Object.assign(new Error('ERR'), { args: ['S3CR3T'] }) })],
    ['a cause that is no error', new Error('failed', { cause: { content: 'S3CR3T' } })],
    ['several errors', new AggregateError([Object.assign(new Error('one'), { input: 'S3CR3T' })], 'all failed')],
    ['JSON that could not be read', thrownBy(parse)],
    ['JSON that begins with something else', thrownBy(() => JSON.parse('S3CR3T') as unknown)],
    ['a number that is none', thrownBy(convert)],
    ['a pattern that is none', thrownBy(() => new RegExp(openGroup))],
    ['an object that was thrown', { content: 'S3CR3T', nested: { deep: { content: 'S3CR3T' } } }],
  ])('N1: an error shows nothing of %s', (_what, error) => {
    for (const format of ['json', 'console'] as const) {
      const { logger, lines } = logTo({ format });
      logger.error({ err: error }, 'Failed');
      logger.error({ error }, 'Failed');
      if (error instanceof Error) logger.error(error);
      expect(lines.join('')).not.toContain('S3CR3T');
      expect(lines.length).toBeGreaterThan(1);
    }
  });

  it('shows what an error is, where it was made, and its causes', () => {
    const cause = Object.assign(new TypeError('refused'), { code: 'ECONNREFUSED' });
    const { logger, parsed } = logTo();
    logger.error({ err: new Error('failed', { cause }) }, 'Failed');
    const type = { type: 'TypeError', message: 'refused', code: 'ECONNREFUSED' };
    expect(parsed()[0]).toMatchObject({ err: { type: 'Error', message: 'failed', cause: type } });
    expect(parsed()[0]).toMatchObject({ err: { stack: expect.stringMatching(/^Error: failed\n {4}at /) } });
    const { logger: another, lines } = logTo({ format: 'console' });
    another.error({ err: new Error('failed', { cause }) }, 'Failed');
    expect(lines.join('')).toMatch(
      /^ERROR: Failed\nError: failed\n {4}at [\s\S]*\ncaused by: TypeError: refused\n {4}at /,
    );
  });

  it('an error that is its own cause is shown all the same', () => {
    const { logger, lines } = logTo();
    const error = new Error('round');
    error.cause = error;
    logger.error({ err: error }, 'Failed');
    expect(lines).toHaveLength(1);
  });
});
