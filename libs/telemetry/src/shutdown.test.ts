import { describe, expect, it } from 'vitest';
import { createShutdown } from './shutdown.js';

function setUp(timeoutMs = 1000) {
  const logged: string[] = [];
  const closed: string[] = [];
  const logger = {
    info: (_fields: unknown, text: string) => void logged.push(text),
    error: (_fields: unknown, text: string) => void logged.push(text),
  };
  const shutdown = createShutdown({ logger: logger as never, timeoutMs });
  const add = (name: string, close: () => Promise<void> | void = () => undefined) =>
    shutdown.add(name, () => {
      closed.push(name);
      return close();
    });
  return { shutdown, add, closed, logged };
}

describe('createShutdown', () => {
  it('closes the last added first, each after the one before', async () => {
    const { shutdown, add, closed } = setUp();
    const order: string[] = [];
    add('first', () => void order.push('first'));
    add('second', async () => {
      await new Promise(setImmediate);
      order.push('second');
    });
    expect(await shutdown.run('SIGTERM')).toBe(0);
    expect(order).toEqual(['second', 'first']);
    expect(closed).toEqual(['second', 'first']);
  });

  it('goes on after a failure, and tells by its exit code', async () => {
    const { shutdown, add, closed, logged } = setUp();
    add('first');
    add('throws', () => {
      throw new Error('no');
    });
    add('rejects', () => Promise.reject(new Error('no')));
    expect(await shutdown.run('SIGTERM')).toBe(1);
    expect(closed).toEqual(['rejects', 'throws', 'first']);
    expect(logged).toContain('Could not close: rejects');
    expect(logged).toContain('Could not close: throws');
  });

  it('runs once, whoever asks', async () => {
    const { shutdown, add, closed } = setUp();
    add('only');
    const runs = [shutdown.run('SIGTERM'), shutdown.run('SIGINT')];
    expect(runs[0]).toBe(runs[1]);
    await Promise.all(runs);
    expect(closed).toEqual(['only']);
  });

  it('leaves behind what does not close in time, and still closes the rest', async () => {
    const { shutdown, add, closed, logged } = setUp(30);
    add('first');
    add('stuck', () => new Promise(() => undefined));
    expect(await shutdown.run('SIGTERM')).toBe(1);
    expect(closed).toEqual(['stuck', 'first']);
    expect(logged).toContain('Not closed in time: stuck');
  });

  it('closes what is added while it runs, or after', async () => {
    const { shutdown, add, closed } = setUp();
    add('server', () => add('late'));
    expect(await shutdown.run('SIGTERM')).toBe(0);
    add('too late');
    expect(closed).toEqual(['server', 'late', 'too late']);
  });

  it('leaves no timer that would keep the process', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const { shutdown, add } = setUp(60_000);
    add('only', () => expect(timers()).toBe(before + 1));
    expect(await shutdown.run('SIGTERM')).toBe(0);
    expect(timers()).toBe(before);
  });
});
