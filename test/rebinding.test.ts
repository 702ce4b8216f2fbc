import { request } from 'node:http';
import {
  connectPlain,
  type ServiceProcess,
  startProcess,
  startRedis,
  stopAll,
  UpgradeRefused,
} from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What a browser sends for a page of a name that resolves to this machine. */
const EVIL = { host: 'evil.example', origin: 'http://evil.example' };

let gateway: ServiceProcess;
let api: ServiceProcess;
let sweeper: ServiceProcess;

beforeAll(async () => {
  const redis = await startRedis();
  const env = { CHANNEL_REDIS_URL: redis.url, ADMIN_TOKEN: 'sixteen-or-more-characters' };
  [gateway, api, sweeper] = await Promise.all([
    startProcess({ service: 'gateway', env }),
    startProcess({ service: 'session-api', env }),
    startProcess({ service: 'sweeper', env }),
  ]);
});
afterAll(stopAll);

/** The status of a request whose `Host` is chosen freely. */
function statusOf(url: string, headers: Record<string, string>, method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('a page whose own name resolves to this machine', () => {
  it('N2: opens no socket', async () => {
    const refused = await connectPlain(gateway.wsUrl, { headers: EVIL }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UpgradeRefused);
    expect((refused as UpgradeRefused).status).toBe(403);
    const local = `localhost:${gateway.port}`;
    (await connectPlain(gateway.wsUrl, { headers: { host: local, origin: `http://${local}` } })).terminate();
  });

  it.each(['GET', 'POST', 'DELETE', 'OPTIONS'])('N2: is answered nothing but 403 by the API to %s', async (method) => {
    const { host } = EVIL;
    for (const headers of [{ host }, EVIL]) {
      expect(await statusOf(`${api.url}/api/sessions/`, headers, method)).toBe(403);
    }
  });

  it('N3: neither drains a process nor reads its admin port', async () => {
    for (const { adminUrl } of [gateway, api, sweeper]) {
      expect(await statusOf(`${adminUrl}/drain`, EVIL, 'POST')).toBe(403);
      expect(await statusOf(`${adminUrl}/drain`, { origin: 'http://other.example' }, 'POST')).toBe(403);
      expect(await statusOf(`${adminUrl}/drain`, {}, 'POST')).toBe(401);
      expect(await statusOf(`${adminUrl}/metrics`, { host: EVIL.host })).toBe(403);
      expect(await statusOf(`${adminUrl}/metrics`, {})).toBe(200);
      expect(await statusOf(`${adminUrl}/readyz`, {})).toBe(200);
    }
  });
});
