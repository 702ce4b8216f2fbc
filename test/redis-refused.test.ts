import { eventually, type ServiceProcess, startCluster, startProcess, startRedis, stopAll } from '@holdfast/testkit';
import { afterAll, describe, expect, it } from 'vitest';

const SERVICES = ['gateway', 'session-api', 'sweeper'] as const;

afterAll(stopAll);

describe.concurrent('a Redis that refuses the handshake of a connection', () => {
  it.each(SERVICES)('D7: %s refuses to start in a database that does not exist', async (service) => {
    const server = await startRedis();
    const env = { CHANNEL_REDIS_URL: server.url.replace(/0$/, '42') };
    await expect(startProcess({ service, env })).rejects.toThrow(/Redis refuses SELECT 42 .*DB index is out of range/);
    expect(await server.cli('dbsize'), 'nothing was written to database 0').toBe('0');
  });

  it.each(SERVICES)('D7: %s refuses to start when INFO is renamed away', async (service) => {
    const server = await startRedis({ args: ['--rename-command', 'INFO', ''] });
    const env = { CHANNEL_REDIS_URL: server.url };
    await expect(startProcess({ service, env })).rejects.toThrow(/Redis refuses INFO .*unknown command/);
  });

  it.each(SERVICES)('D7: %s refuses to start with a wrong password, which it does not print', async (service) => {
    const server = await startRedis({ args: ['--requirepass', 'right'] });
    const env = { CHANNEL_REDIS_URL: server.url.replace('redis://', 'redis://:hunter2@') };
    const error: unknown = await startProcess({ service, env }).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/Redis refuses (HELLO|AUTH) .*WRONGPASS/);
    expect(String(error)).not.toContain('hunter2');
  });

  it.each(SERVICES)('D7: %s refuses to start with a wrong password for a cluster', async (service) => {
    const cluster = await startCluster();
    for (const node of cluster.nodes) await node.cli('config', 'set', 'requirepass', 'right');
    const urls = cluster.urls.map((url) => url.replace('redis://', 'redis://:hunter2@')).join(',');
    const env = { REDIS_MODE: 'cluster', CHANNEL_REDIS_URL: urls };
    await expect(startProcess({ service, env })).rejects.toThrow(/Redis refuses (HELLO|AUTH) .*WRONGPASS/);
  });

  it('D7: a process that runs says why it is refused, in its log, /readyz and redis/status, and recovers', async () => {
    const server = await startRedis();
    await server.cli('acl', 'setuser', 'app', 'on', '>hunter2', '~*', '&*', '+@all');
    const env = { CHANNEL_REDIS_URL: server.url.replace('redis://', 'redis://app:hunter2@') };
    const processes = await Promise.all(SERVICES.map((service) => startProcess({ service, env })));
    const refused = async (each: ServiceProcess) =>
      ((await each.readiness()).body as Record<string, unknown>)['redis_refused'];
    await server.cli('acl', 'setuser', 'app', 'resetpass', '>other');
    await server.cli('client', 'kill', 'user', 'app');
    for (const each of processes) {
      await each.log.waitFor('Redis refuses the connection');
      const reason = await eventually('/readyz to say so', () => refused(each));
      expect(reason).toMatch(/WRONGPASS/);
      expect(each.log.lines.join('\n')).not.toContain('hunter2');
    }
    const api = processes[1];
    const status = await fetch(`${api?.url}/api/redis/status/`);
    expect(status.status).toBe(503);
    expect(await status.json()).toMatchObject({ redis_connected: false, error: expect.stringContaining('WRONGPASS') });
    await server.cli('acl', 'setuser', 'app', '>hunter2');
    for (const each of processes) {
      await eventually('/readyz to be as before', async () => (await refused(each)) === undefined);
    }
  });
});
