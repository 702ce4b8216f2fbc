import { describe, expect, it } from 'vitest';
import { LineLog } from './line-log.js';

describe('LineLog', () => {
  it('puts lines together from pieces', () => {
    const log = new LineLog();
    log.write('one\ntw');
    log.write('o\r\nthr');
    expect(log.lines).toEqual(['one', 'two']);
    log.end();
    expect(log.lines).toEqual(['one', 'two', 'thr']);
  });

  it('finds lines by text, pattern and function', () => {
    const log = new LineLog();
    log.write('ready on 1\nready on 2\nstopped\n');
    expect(log.matching('ready')).toHaveLength(2);
    expect(log.matching(/2$/)).toEqual(['ready on 2']);
    expect(log.matching((line) => line.length === 7)).toEqual(['stopped']);
  });

  it('waits for a line that is there already, or yet to come', async () => {
    const log = new LineLog();
    log.write('starting\n');
    await expect(log.waitFor('start')).resolves.toBe('starting');
    const coming = log.waitFor(/^ready/);
    log.write('re');
    log.write('ady\n');
    await expect(coming).resolves.toBe('ready');
  });

  it('waits from a line on', async () => {
    const log = new LineLog();
    log.write('ready\n');
    const again = log.waitFor('ready', { from: log.lines.length });
    log.write('ready again\n');
    await expect(again).resolves.toBe('ready again');
  });

  it('shows the last lines when it gives up', async () => {
    const log = new LineLog();
    log.write('port is taken\n');
    await expect(log.waitFor('ready', { timeoutMs: 5 })).rejects.toThrow(
      /a line like ready; last lines:\nport is taken/,
    );
  });
});
