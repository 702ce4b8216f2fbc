import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connectFramed,
  freePort,
  REPOSITORY,
  registerCleanup,
  type ServiceProcess,
  startChild,
  startProcess,
  stopAll,
} from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PATIENCE_MS } from './chaos/storage.js';

/*
 * A Redis that speaks TLS only, asks for client certificates, and has a user for each service, as
 * `deploy/redis/users.acl.example` lists them.
 */

const SERVICES = ['gateway', 'session-api', 'sweeper'] as const;
const USERS = {
  gateway: 'gateway:change-me-gateway',
  'session-api': 'session_api:change-me-api',
  sweeper: 'sweeper:change-me-sweeper',
} as const;

let dir: string;
let port: number;
const file = (name: string): string => join(dir, name);

/** Makes an authority, or a certificate that one has signed. */
function makeCertificate(name: string, authority?: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  if (authority === undefined) {
    openssl('req', '-x509', ...key, '-out', `${name}.crt`, '-subj', `/CN=${name}`, '-days', '2');
    return;
  }
  openssl('req', ...key, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', '-in', `${name}.csr`, ...signer, '-out', `${name}.crt`, '-extfile', 'names');
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-tls-'));
  registerCleanup('certificates', () => rm(dir, { recursive: true, force: true }));
  await writeFile(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost');
  for (const name of ['authority', 'stranger']) makeCertificate(name);
  makeCertificate('server', 'authority');
  makeCertificate('client', 'authority');
  makeCertificate('foreign-client', 'stranger');
  await writeFile(file('users.acl'), await readFile(join(REPOSITORY, 'deploy/redis/users.acl.example')));
  port = await freePort();
  const tls = ['--tls-port', String(port), '--port', '0', '--tls-cert-file', file('server.crt')];
  const keys = ['--tls-key-file', file('server.key'), '--tls-ca-cert-file', file('authority.crt')];
  const args = [...tls, ...keys, '--bind', '127.0.0.1', '--save', '', '--dir', dir, '--aclfile', file('users.acl')];
  const child = await startChild({ name: 'redis with TLS', command: 'redis-server', args });
  await child.log.waitFor('Ready to accept connections');
});
afterAll(stopAll);

function envOf(service: (typeof SERVICES)[number], client = 'client', authority = 'authority'): Record<string, string> {
  return {
    CHANNEL_REDIS_URL: `rediss://${USERS[service]}@127.0.0.1:${port}/0`,
    REDIS_TLS_CA_FILE: file(`${authority}.crt`),
    AUDIT_INTERVAL_SECONDS: '1',
    ...(client !== '' && { REDIS_TLS_CERT_FILE: file(`${client}.crt`), REDIS_TLS_KEY_FILE: file(`${client}.key`) }),
  };
}

/** What Redis answers a command of a service's user, also where that is an error. */
async function asUser(user: string, ...command: [string, ...string[]]): Promise<unknown> {
  const [username = '', password = ''] = user.split(':');
  const [ca, cert, key] = await Promise.all(
    ['authority.crt', 'client.crt', 'client.key'].map((name) => readFile(file(name), 'utf8')),
  );
  if (ca === undefined || cert === undefined || key === undefined) throw new Error('a certificate is missing');
  const redis = new Redis({ port, host: '127.0.0.1', username, password, tls: { ca, cert, key } });
  try {
    return await redis.call(...command).catch((error: Error) => error.message);
  } finally {
    redis.disconnect();
  }
}

describe.concurrent('rediss:// with certificates and a user for each service', () => {
  it('D7: all services work, and none can do what its work does not need', async () => {
    const processes = await Promise.all(SERVICES.map((service) => startProcess({ service, env: envOf(service) })));
    const [gateway, api, sweeper] = processes as [ServiceProcess, ServiceProcess, ServiceProcess];
    const member = await connectFramed(gateway.wsUrl, { query: { session: 's', redis_persistence: true } });
    await member.frames.next({ type: 'welcome' }, PATIENCE_MS);
    member.send({ type: 'send', id: 'm1', content: 'over TLS' });
    await member.frames.next({ id: 'm1', seq: 1 }, PATIENCE_MS);
    const answer = await fetch(`${api.url}/api/sessions/s/messages/?view=log`);
    expect(await answer.json()).toMatchObject({ messages: [{ content: 'over TLS' }] });
    await sweeper.log.waitFor('Audit expiry finished', { timeoutMs: PATIENCE_MS });
    const forbidden: readonly [string, ...string[]][] = [
      ['flushall'],
      ['flushdb'],
      ['config', 'get', '*'],
      ['acl', 'list'],
      ['keys', '*'],
      ['get', 'of-another-program'],
      ['subscribe', 'of-another-program'],
    ];
    for (const user of Object.values(USERS)) {
      for (const command of forbidden) {
        expect(await asUser(user, ...command), `${user.split(':')[0]} ${command[0]}`).toMatch(/^NOPERM/);
      }
    }
    // What members say live is not the sweeper's concern, nor are its jobs that of gateways.
    expect(await asUser(USERS.sweeper, 'subscribe', '{session:s}:live')).toMatch(/^NOPERM/);
    expect(await asUser(USERS.gateway, 'get', '{bull}:begun:expiry')).toMatch(/^NOPERM/);
    expect(await asUser(USERS['session-api'], 'get', '{bull}:begun:expiry')).toMatch(/^NOPERM/);
  });

  it.each(SERVICES)('D7: %s refuses to start where a stranger signed the certificate of Redis', async (service) => {
    const failed = startProcess({ service, env: envOf(service, 'client', 'stranger') });
    await expect(failed).rejects.toThrow(/the TLS certificate of Redis is not trusted .*REDIS_TLS_CA_FILE/);
  });

  it.each(SERVICES.flatMap((service) => ['', 'foreign-client'].map((client) => [service, client] as const)))(
    'D7: %s refuses to start with the client certificate "%s"',
    async (service, client) => {
      const failed = startProcess({ service, env: envOf(service, client) });
      await expect(failed).rejects.toThrow(/Redis refuses the TLS certificate of this process, or asks for one/);
    },
  );

  it.each([
    [{ REDIS_TLS_CA_FILE: '/nowhere.crt' }, /REDIS_TLS_CA_FILE must be the path of a PEM file/],
    [{ REDIS_TLS_KEY_FILE: '' }, /REDIS_TLS_CERT_FILE and REDIS_TLS_KEY_FILE must both be set/],
    [{ CHANNEL_REDIS_URL: 'redis://127.0.0.1:1/0' }, /need rediss:\/\/ in CHANNEL_REDIS_URL/],
  ])('D7: %j is told by name', async (wrong, told) => {
    await expect(startProcess({ service: 'gateway', env: { ...envOf('gateway'), ...wrong } })).rejects.toThrow(told);
  });
});
