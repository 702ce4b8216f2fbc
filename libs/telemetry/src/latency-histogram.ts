/** Upper bounds in seconds, from half a millisecond (a good append) to ten seconds (an outage). */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/**
 * A histogram for the message path. An observation is a short search and two additions; a histogram of prom-client costs
 * a hundred times more, because it hashes its labels each time.
 */
export class LatencyHistogram {
  /** One count for each bound, and one for values above the last; not cumulative. */
  private readonly counts = new Float64Array(LATENCY_BOUNDS.length + 1);
  private sum = 0;

  /** @param seconds from 0; a negative or infinite value, or none, counts as 0 */
  observe(seconds: number): void {
    const value = Number.isFinite(seconds) ? Math.max(seconds, 0) : 0;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS.length && value > (LATENCY_BOUNDS[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }

  /** This histogram in the text format of Prometheus, without a newline at its end. */
  expose(name: string, help: string, labels: Readonly<Record<string, string>>): string {
    const shown = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
    const labelled = (metric: string, ...more: string[]) => `${metric}{${[...more, ...shown].join(',')}}`;
    let total = 0;
    const lines = [...this.counts].map((count, index) => {
      total += count;
      const bound = LATENCY_BOUNDS[index];
      return `${labelled(`${name}_bucket`, `le="${bound ?? '+Inf'}"`)} ${total}`;
    });
    return [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...lines,
      `${labelled(`${name}_sum`)} ${this.sum}`,
      `${labelled(`${name}_count`)} ${total}`,
    ].join('\n');
  }
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}
