import { describe, expect, it } from 'vitest';
import { type ConnectionSettings, clusterOptions, nodeOptions, redisOptions } from './connection-options.js';

const standalone: ConnectionSettings = { mode: 'standalone', urls: ['redis://u:p@h:1/2'], timeoutMs: 700 };
const sentinel: ConnectionSettings = {
  mode: 'sentinel',
  urls: ['rediss://u:p@s1/3?sentinel_password=sp', 'rediss://u:p@s2:7/3?sentinel_password=sp'],
  sentinelMaster: 'holdfast',
  timeoutMs: 700,
};
const cluster: ConnectionSettings = {
  mode: 'cluster',
  urls: ['rediss://u:p@n1:1', 'rediss://u:p@n2:2'],
  timeoutMs: 700,
};

describe('redisOptions', () => {
  it.each(['commands', 'subscriber'] as const)(
    'A5, D2: role %s queues nothing, sends nothing again, waits no longer',
    (role) => {
      expect(redisOptions(standalone, 'gateway', role)).toMatchObject({
        host: 'h',
        port: 1,
        db: 2,
        username: 'u',
        password: 'p',
        connectionName: 'gateway',
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: 0,
        commandTimeout: 700,
        socketTimeout: 700,
        connectTimeout: 700,
        autoResubscribe: role === 'commands',
      });
    },
  );

  it('leaves BullMQ its blocking commands and its queue', () => {
    const options = redisOptions(standalone, 'sweeper', 'bullmq');
    expect(options).toMatchObject({ maxRetriesPerRequest: null, enableOfflineQueue: true });
    expect(options).not.toHaveProperty('commandTimeout');
    expect(options).not.toHaveProperty('socketTimeout');
  });

  it('asks Sentinels, with their own password, for the master', () => {
    const options = redisOptions(sentinel, 'gateway', 'commands');
    expect(options).toMatchObject({
      name: 'holdfast',
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 7 },
      ],
      username: 'u',
      password: 'p',
      db: 3,
      sentinelPassword: 'sp',
      sentinelCommandTimeout: 700,
      enableTLSForSentinelMode: true,
      sentinelTLS: { servername: 's1' },
    });
    expect(options).not.toHaveProperty('host');
  });

  it('leaves a master that became a replica, and stays with one that refuses something else', () => {
    const { reconnectOnError } = redisOptions(standalone, 'gateway', 'commands');
    expect(reconnectOnError?.(new Error("READONLY You can't write against a read only replica."))).toBe(true);
    expect(reconnectOnError?.(new Error('ERR READONLY'))).toBe(false);
  });

  it('refuses settings without a URL, or without the name of the master', () => {
    expect(() => redisOptions({ ...standalone, urls: [] }, 'x', 'commands')).toThrow('no Redis URL');
    const { sentinelMaster: _, ...nameless } = sentinel;
    expect(() => redisOptions(nameless, 'x', 'commands')).toThrow('name of the master');
  });
});

describe('clusterOptions', () => {
  it('A5: sends nothing again that may have been carried out', () => {
    expect(clusterOptions(cluster, 'gateway', 'commands').options).toMatchObject({
      enableOfflineQueue: false,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      redisOptions: { commandTimeout: 700, socketTimeout: 700, autoResendUnfulfilledCommands: false },
    });
  });

  it('A5: ends redirections before the command times out, so that no command is sent that was given up', () => {
    for (const timeoutMs of [50, 1000, 60_000]) {
      const { options } = clusterOptions({ ...cluster, timeoutMs }, 'gateway', 'commands');
      expect((options.retryDelayOnTryAgain ?? 0) * (options.maxRedirections ?? 0)).toBeLessThan(timeoutMs);
    }
  });

  it('K3: connects to each node for subscriptions with the same credentials, and with TLS', () => {
    const { tls, ...options } = nodeOptions(cluster, 'live', 'subscriber');
    expect(tls).toEqual({});
    expect(options).toMatchObject({ username: 'u', password: 'p', autoResubscribe: false, enableOfflineQueue: false });
  });

  it('reaches every named node with the same credentials, over TLS by its name', () => {
    const { nodes, options } = clusterOptions(cluster, 'gateway', 'commands');
    expect(nodes).toEqual([
      { host: 'n1', port: 1 },
      { host: 'n2', port: 2 },
    ]);
    expect(options.redisOptions).toMatchObject({ username: 'u', password: 'p', tls: {} });
    options.dnsLookup?.('n1', (_error, address) => expect(address).toBe('n1'));
    expect.assertions(3);
  });
});
