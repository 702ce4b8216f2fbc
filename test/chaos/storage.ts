import { type DeliveryLoad, type DeliveryReport, formatReport } from '@holdfast/loadgen';
import { eventually, type ServiceProcess } from '@holdfast/testkit';
import { expect } from 'vitest';
import { expectNothingLost, type Services } from './system.js';

/** Longest wait of a step on a busy machine. Milliseconds. The output tells how long it took. */
export const PATIENCE_MS = 60_000;

export type Storage = 'redis' | 'memory';

/**
 * Resolves when `/readyz` and the metrics of all these gateways say where sessions are stored.
 *
 * @returns how long that took, in milliseconds
 */
export async function storedIn(storage: Storage, gateways: readonly ServiceProcess[]): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(
    gateways.map((gateway) =>
      eventually(`${gateway.name} to store in ${storage}`, () => says(gateway, storage), { timeoutMs: PATIENCE_MS }),
    ),
  );
  return performance.now() - startedAt;
}

async function says(gateway: ServiceProcess, storage: Storage): Promise<boolean> {
  const { status, body } = await gateway.readiness();
  const up = await gateway.metric('holdfast_redis_up');
  return status === 200 && body['storage'] === storage && up === (storage === 'redis' ? 1 : 0);
}

/**
 * Resolves when everything is stored in Redis again, and messages flow.
 *
 * @returns milliseconds until every gateway said that it stores in Redis
 */
export async function backInRedis({ gateways }: Services, load: DeliveryLoad): Promise<number> {
  const truthMs = await storedIn('redis', gateways);
  await load.flowing();
  return truthMs;
}

/**
 * Ends a case in which no gateway ended: nothing is lost, and no member lost a connection that it had not closed
 * itself. Prints how long people had to wait.
 */
export async function expectUnbroken(
  what: string,
  system: Services,
  load: DeliveryLoad,
  truthMs: number,
): Promise<void> {
  const report = await expectNothingLost(system, load);
  expect(report.interruptions, formatReport(report)).toEqual({});
  tellWaits(what, report, truthMs);
}

/** Prints how long people had to wait in a case, as one line of the output. */
export function tellWaits(what: string, { accepting, showing, resets }: DeliveryReport, truthMs: number): void {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  process.stdout.write(
    `${what}: senders waited at most ${seconds(accepting.max)} (half of them ${seconds(accepting.p50)}), ` +
      `members at most ${seconds(showing.max)} (95 %: ${seconds(showing.p95)}), ${resets} were told of a reset; ` +
      `/readyz and metrics were right ${seconds(truthMs)} after Redis was back\n`,
  );
}
