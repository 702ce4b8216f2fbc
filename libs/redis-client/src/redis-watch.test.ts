import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RedisClient } from './create-redis.js';
import { RedisWatch } from './redis-watch.js';

/** A client of which a test decides whether it is connected. */
class ScriptedClient extends EventEmitter {
  status = 'connecting';

  ping(): Promise<string> {
    return this.status === 'ready' ? Promise.resolve('PONG') : Promise.reject(new Error('there is no connection'));
  }

  becomes(status: 'ready' | 'close'): void {
    this.status = status;
    this.emit(status);
  }
}

let client: ScriptedClient;
let reports: string[];
let watch: RedisWatch;

function watchClient(): RedisWatch {
  return new RedisWatch({
    client: client as unknown as RedisClient,
    metrics: { up: false, failed: (kind) => reports.push(`failed: ${kind}`) },
    onAway: (reason) => reports.push(`away: ${reason}`),
    onBack: () => reports.push('back'),
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  client = new ScriptedClient();
  reports = [];
  watch = watchClient();
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

describe('RedisWatch', () => {
  it('D2: a probe during an orderly start finds Redis down, and reports nothing', async () => {
    expect(await watch.check()).toBe(false);
    await vi.advanceTimersByTimeAsync(2_000);
    client.becomes('ready');
    expect(await watch.check()).toBe(true);
    expect([watch.up, reports]).toEqual([true, []]);
  });

  it('D2: a first connection that fails is reported once', async () => {
    client.becomes('close');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(reports.filter((report) => report.startsWith('away'))).toEqual(['away: there is no connection']);
    client.becomes('ready');
    await vi.advanceTimersByTimeAsync(0);
    expect(reports.at(-1)).toBe('back');
  });

  it('D2: a Redis that neither accepts nor refuses the first connection is reported within 4 s', async () => {
    await vi.advanceTimersByTimeAsync(4_000);
    expect(reports.filter((report) => report.startsWith('away'))).toEqual(['away: there is no connection']);
  });

  it('D2: a client that is connected already is checked at once', async () => {
    watch.close();
    client.status = 'ready';
    watch = watchClient();
    expect(await watch.check()).toBe(true);
  });

  it('leaves no timer and no listener behind', () => {
    watch.close();
    expect([vi.getTimerCount(), client.listenerCount('ready'), client.listenerCount('close')]).toEqual([0, 0, 0]);
  });
});
