import { drawSeed } from '@holdfast/testkit';
import { runCommand } from '../command-line.js';
import { runDeliveryCheck } from '../delivery/delivery-load.js';
import type { DeliveryProgress } from '../delivery/delivery-options.js';
import { formatReport } from '../delivery/delivery-report.js';
import { checkPersistence, type PartResult } from './persistence-check.js';
import { readVerifyOptions, VERIFY_HELP, type VerifyOptions } from './verify-options.js';

/** @returns whether everything passed */
async function verify({ url, gateways, token, numbers }: VerifyOptions): Promise<boolean> {
  console.log(`Verifying ${url}\n\nRedis persistence`);
  if (!(await checkPersistence(url, token, tellPart))) {
    console.log('\nFAILED: deliveries were not checked, because what they need does not work');
    return false;
  }
  const seed = numbers.seed ?? drawSeed();
  console.log(`\nDelivery (seed ${seed})`);
  const report = await runDeliveryCheck({
    gateways,
    history: `${url}/api`,
    sessionPrefix: 'verify',
    ...(token === undefined ? {} : { token }),
    ...numbers,
    seed,
    onProgress: tellProgress,
  });
  console.log(`\n${formatReport(report)}`);
  return report.ok;
}

function tellPart({ name, ok, detail }: PartResult, number: number, count: number): void {
  console.log(`  ${number}/${count} ${ok ? 'ok    ' : 'FAILED'} ${name}: ${detail}`);
}

function tellProgress({ seconds, connected, members, sent, accepted, shown, disconnects }: DeliveryProgress): void {
  console.log(
    `  ${seconds.toFixed(0).padStart(4)} s  ${connected} of ${members} members connected, ` +
      `${sent} sent, ${accepted} accepted, ${shown} shown, ${disconnects} disconnects`,
  );
}

await runCommand({ name: 'verify', help: VERIFY_HELP, read: readVerifyOptions, run: verify });
