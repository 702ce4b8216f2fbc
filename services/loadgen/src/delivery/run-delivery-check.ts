import { setTimeout as delay } from 'node:timers/promises';
import { DeliveryLoad } from './delivery-load.js';
import type { DeliveryOptions } from './delivery-options.js';
import type { DeliveryReport } from './delivery-report.js';

const DEFAULT_SECONDS = 20;

/**
 * Connects N sessions of M members, sends, disconnects, and audits.
 *
 * @throws TypeError for an option of the wrong form
 * @throws Error when members cannot connect, or the history cannot be read
 */
export async function runDeliveryCheck(options: DeliveryOptions): Promise<DeliveryReport> {
  const load = await DeliveryLoad.start(options);
  await delay((options.seconds ?? DEFAULT_SECONDS) * 1_000);
  return load.finish();
}
