import { describe, expect, it } from 'vitest';
import { overview } from './overview.js';
import { productMetrics } from './product-metrics.js';
import { metricsIn, queriesOf } from './queries.js';

describe('the Overview dashboard', () => {
  it('is the JSON that is provisioned; after a change write it anew with `npx vitest run grafana -u`', async () => {
    await expect(`${JSON.stringify(overview(), null, 2)}\n`).toMatchFileSnapshot('dashboards/overview.json');
  });

  it('asks only for metrics that the processes have', async () => {
    const known = await productMetrics();
    const asked = queriesOf(overview()).flatMap(({ query }) => metricsIn(query));
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.filter((metric) => !known.has(metric))).toEqual([]);
  });

  it('shows blue at the left and green at the right of every row of traffic and saturation', () => {
    const panels = (overview().panels ?? []).flatMap((panel) =>
      'gridPos' in panel && 'targets' in panel ? [panel] : [],
    );
    const blue = panels.filter((panel) => /, blue$/.test(panel.title ?? ''));
    expect(blue.length).toBeGreaterThan(8);
    for (const panel of blue) {
      const green = panels.find((other) => other.title === panel.title?.replace('blue', 'green'));
      expect(green?.gridPos).toEqual({ ...panel.gridPos, x: (panel.gridPos?.x ?? 0) + (panel.gridPos?.w ?? 0) });
      expect(JSON.stringify(green?.targets).replaceAll('green', 'blue')).toBe(JSON.stringify(panel.targets));
    }
  });

  it('says of every panel what it shows', () => {
    for (const panel of overview().panels ?? []) {
      if ('targets' in panel) expect(panel.description, panel.title).toMatch(/\.$/);
    }
  });
});
