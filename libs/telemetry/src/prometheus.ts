import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { HistogramDefinition, MetricDefinition } from './metrics.js';

/** The registries that expose a metric: none for a metric of another service. */
export type Registers = Registry[];

/** A counter. Known label values are exposed with 0 from the start, or `rate()` would not see the first event. */
export function counter<L extends string>(definition: MetricDefinition<L>, registers: Registers): Counter<L> {
  const made = new Counter<L>({ ...optionsOf(definition), registers });
  for (const labels of knownLabels(definition)) made.inc(labels, 0);
  return made;
}

/** A gauge that is set by the process. Known label values are exposed with 0 from the start. */
export function gauge<L extends string>(definition: MetricDefinition<L>, registers: Registers): Gauge<L> {
  const made = new Gauge<L>({ ...optionsOf(definition), registers });
  for (const labels of knownLabels(definition)) made.set(labels, 0);
  return made;
}

/** A counter without labels that is read on each scrape. @param read answers a number that only grows */
export function readCounter(definition: MetricDefinition<never>, registers: Registers, read: () => number): void {
  new Counter({
    ...optionsOf(definition),
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** A gauge without labels that is read on each scrape. */
export function readGauge(definition: MetricDefinition<never>, registers: Registers, read: () => number): void {
  new Gauge({
    ...optionsOf(definition),
    registers,
    collect() {
      this.set(read());
    },
  });
}

/** A gauge with one label, which is 1 for the state that the process is in and 0 for the others; read on each scrape. */
export function readState<L extends string>(
  definition: MetricDefinition<L>,
  registers: Registers,
  read: () => string,
): void {
  new Gauge<L>({
    ...optionsOf(definition),
    registers,
    collect() {
      const state = read();
      for (const labels of knownLabels(definition)) this.set(labels, Object.values(labels).includes(state) ? 1 : 0);
    },
  });
}

export function histogram<L extends string>(definition: HistogramDefinition<L>, registers: Registers): Histogram<L> {
  return new Histogram<L>({ ...optionsOf(definition), buckets: [...definition.buckets], registers });
}

function optionsOf<L extends string>({ name, help, labels }: MetricDefinition<L>) {
  return { name, help, labelNames: Object.keys(labels) as L[] };
}

/** Every combination of known label values; none where the values of a label are not known, or there is no label. */
function knownLabels<L extends string>({ labels }: MetricDefinition<L>): Partial<Record<L, string>>[] {
  const entries = Object.entries<readonly string[]>(labels);
  if (entries.length === 0) return [];
  return entries.reduce<Partial<Record<L, string>>[]>(
    (known, [label, values]) => known.flatMap((labelled) => values.map((value) => ({ ...labelled, [label]: value }))),
    [{}],
  );
}
