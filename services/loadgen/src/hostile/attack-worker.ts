import { parentPort, workerData } from 'node:worker_threads';
import { ATTACKS, type Attack, type AttackCount, type AttackName, type AttackTarget } from './attacks.js';

/** What the worker tells when it is asked. */
export type AttackReport = Readonly<Record<AttackName, AttackCount>>;

const TICK_MS = 20;

const target = workerData as AttackTarget;
const names = Object.keys(ATTACKS) as AttackName[];
const counts = Object.fromEntries(names.map((name) => [name, { done: 0, refused: 0, ended: 0 }])) as AttackReport;
const startedMs = performance.now();

async function carryOut(attack: Attack, count: AttackCount): Promise<void> {
  count.done += 1;
  const socket = await attack.carryOut(target, count.done);
  if (!socket || socket.destroyed) {
    count.refused += 1;
    return;
  }
  const timer = setTimeout(() => socket.destroy(), attack.holdMs);
  const ended = (): void => {
    clearTimeout(timer);
    count.ended += 1;
    socket.destroy();
  };
  socket.once('end', ended);
  socket.once('close', () => clearTimeout(timer));
}

const ticker = setInterval(() => {
  const nowMs = performance.now();
  for (const name of names) {
    const due = Math.floor((nowMs - startedMs) / ATTACKS[name].everyMs);
    while (counts[name].done < due) void carryOut(ATTACKS[name], counts[name]);
  }
}, TICK_MS);

parentPort?.on('message', (word: 'report' | 'stop') => {
  if (word === 'stop') clearInterval(ticker);
  parentPort?.postMessage(counts);
});
