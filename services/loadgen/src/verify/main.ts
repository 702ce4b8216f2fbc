import { ArgumentError } from '../command-line.js';
import type { DeliveryProgress } from '../delivery/delivery-options.js';
import { formatReport } from '../delivery/delivery-report.js';
import { runDeliveryCheck } from '../delivery/run-delivery-check.js';
import { drawSeed } from '../seeded-random.js';
import { runSeedChecks, type SeedCheckResult } from './seed-checks.js';
import { readVerifyOptions, VERIFY_HELP, type VerifyOptions } from './verify-options.js';

/** @returns the exit code */
async function verify({ url, gateways, token, numbers }: VerifyOptions): Promise<number> {
  console.log(`Verifying ${url}\n\nRedis persistence`);
  if (!(await runSeedChecks(url, token, tellCheck))) {
    console.log('\nFAILED: deliveries were not checked, because what they need does not work');
    return 1;
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
  return report.ok ? 0 : 1;
}

function tellCheck({ name, ok, detail }: SeedCheckResult, number: number, count: number): void {
  console.log(`  ${number}/${count} ${ok ? 'ok    ' : 'FAILED'} ${name}: ${detail}`);
}

function tellProgress({ seconds, connected, members, sent, accepted, shown, disconnects }: DeliveryProgress): void {
  console.log(
    `  ${seconds.toFixed(0).padStart(4)} s  ${connected} of ${members} members connected, ` +
      `${sent} sent, ${accepted} accepted, ${shown} shown, ${disconnects} disconnects`,
  );
}

try {
  const options = readVerifyOptions(process.argv.slice(2));
  if (options) process.exitCode = await verify(options);
  else console.log(VERIFY_HELP);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const isArgument = error instanceof ArgumentError;
  console.error(isArgument ? `${message}\nSee npm run verify -- --help` : `FAILED: ${message}`);
  process.exitCode = isArgument ? 2 : 1;
}
