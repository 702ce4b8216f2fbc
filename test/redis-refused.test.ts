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

  /** What each service needs, as `users.acl.example` has it, and what is taken away here. */
  const TAKEN: Readonly<Record<(typeof SERVICES)[number], readonly (readonly [string[], string])[]>> = {
    gateway: [
      [['resetchannels'], '&{session:* &holdfast:canary:*'],
      [['-subscribe'], '+subscribe'],
      [['resetkeys', '~session:*'], '~{session:*'],
      [['-xadd', '-pexpireat'], '+pexpireat +xadd'],
    ],
    'session-api': [
      [['resetchannels'], '&{session:* &holdfast:broadcast'],
      [['resetchannels', '&{session:*'], '&holdfast:broadcast'],
      [['-scan', '-evalsha'], '+evalsha +scan'],
    ],
    sweeper: [
      [['resetkeys', '~session:*', '~{session:*', '~holdfast:audit'], '~{bull}:*'],
      [['resetkeys', '~session:*', '~{session:*', '~{bull}:*'], '~holdfast:audit'],
      [['-bzpopmin', '-exec', '-unlink'], '+unlink +bzpopmin +exec'],
    ],
  };

  it.each(SERVICES.flatMap((service) => TAKEN[service].map(([rules, lack]) => ({ service, rules, lack }))))(
    'D7: $service refuses to start without $lack',
    async ({ service, rules, lack }) => {
      const server = await startRedis();
      await server.cli('acl', 'setuser', 'app', 'on', '>pw', '~*', '&*', '+@all', '-acl', '-multi', ...rules);
      const env = { CHANNEL_REDIS_URL: server.url.replace('redis://', 'redis://app:pw@') };
      const error: unknown = await startProcess({ service, env }).catch((reason: unknown) => reason);
      expect(String(error).split('its access list lacks ')[1]?.split('\n')[0]).toBe(lack);
    },
  );

  it('D7: a process that could not ask at its start says later what is missing, and when nothing is any more', async () => {
    const server = await startRedis();
    await server.cli('acl', 'setuser', 'app', 'on', '>pw', '~*', 'resetchannels', '&holdfast:*', '+@all');
    await server.stop();
    const env = { CHANNEL_REDIS_URL: server.url.replace('redis://', 'redis://app:pw@') };
    const api = await startProcess({ service: 'session-api', env });
    const again = await startRedis({ port: server.port });
    await again.cli('acl', 'setuser', 'app', 'on', '>pw', '~*', 'resetchannels', '&holdfast:*', '+@all');
    const readiness = async () => ((await api.readiness()).body as Record<string, unknown>)['redis_refused'];
    const lack = expect.stringContaining('lacks &{session:*');
    await eventually('/readyz to name it', async () => (await readiness()) !== undefined);
    await eventually('the right reason', async () => String(await readiness()).includes('lacks &{session:*'));
    const status = await fetch(`${api.url}/api/redis/status/`);
    expect(await status.json()).toMatchObject({ redis_connected: true, redis_refused: lack });
    expect(api.log.matching('lacks &{session:').length).toBe(1);
    await again.cli('acl', 'setuser', 'app', '&*');
    await eventually('/readyz to be as before', async () => (await readiness()) === undefined);
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
