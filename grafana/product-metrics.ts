import { createMetrics } from '@holdfast/telemetry';

/** The names of all metrics that the processes of the product expose. */
export async function productMetrics(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const service of ['gateway', 'session-api', 'sweeper'] as const) {
    const metrics = createMetrics({ service, color: 'blue', instance: 'test' });
    for (const [, name] of (await metrics.exposition()).matchAll(/^# TYPE (\S+)/gm)) if (name) names.add(name);
    metrics.close();
  }
  return names;
}
