import { DeliveryLoad } from '../delivery/delivery-load.js';
import type { DeliveryReport } from '../delivery/delivery-report.js';
import { carryOut } from './worker-process.js';

export interface HonestPlan {
  /** WebSocket addresses. */
  readonly gateways: readonly string[];
  /** Base URL of the HTTP API. */
  readonly history: string;
  readonly seed: number;
  /** Seconds in which everything has to arrive after the last message. */
  readonly settleSeconds: number;
}

/** Members are not disconnected, because the time that takes says nothing about the server. */
const LOAD = { sessionPrefix: 'honest', sessions: 6, members: 4, rate: 50, disconnectEvery: 0 } as const;

let load: DeliveryLoad | undefined;

function running(): DeliveryLoad {
  if (!load) throw new Error('the honest chat has not begun');
  return load;
}

/** What the process of the honest chat does for {@link HonestChat}. */
export const honestTasks = {
  start: async (plan: HonestPlan): Promise<void> => {
    load = await DeliveryLoad.start({ ...LOAD, ...plan });
  },
  pause: async (): Promise<void> => {
    running().pause();
    await running().settled();
  },
  finish: async (): Promise<DeliveryReport> => running().finish(),
};

carryOut(honestTasks);
