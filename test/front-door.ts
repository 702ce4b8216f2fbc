import { FrontDoor } from '@holdfast/local';
import { registerCleanup, type ServiceProcess, startProcess, startRedis } from '@holdfast/testkit';

/** A gateway and a session API on a Redis of their own, with the Node front door before them. */
export interface BehindFrontDoor {
  readonly gateway: ServiceProcess;
  readonly api: ServiceProcess;
  readonly door: FrontDoor;
}

/** Starts everything; `stopAll` ends it. @param env of both services, beside the address of Redis */
export async function startBehindFrontDoor(env: Readonly<Record<string, string>> = {}): Promise<BehindFrontDoor> {
  const redis = await startRedis();
  const settings = { CHANNEL_REDIS_URL: redis.url, ...env };
  const [gateway, api] = await Promise.all([
    startProcess({ service: 'gateway', env: settings }),
    startProcess({ service: 'session-api', env: settings }),
  ]);
  const isReady = async () => true;
  const door = await FrontDoor.open({
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    gateways: [{ name: 'gateway', port: gateway.port, isReady }],
    api: { name: 'session-api', port: api.port, isReady },
    say: () => undefined,
  });
  registerCleanup('front door', () => door.close());
  await door.checkGateways();
  return { gateway, api, door };
}
