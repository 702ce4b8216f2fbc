import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';

export interface PanelQuery {
  readonly panel: string;
  readonly query: string;
}

/** All queries of a dashboard, with the titles of their panels. */
export function queriesOf(dashboard: Dashboard): PanelQuery[] {
  return (dashboard.panels ?? []).flatMap((panel) => {
    if (!('targets' in panel) || panel.targets === undefined) return [];
    return panel.targets.map((target) => ({ panel: panel.title ?? '', query: expressionOf(target) }));
  });
}

function expressionOf(target: object): string {
  if ('expr' in target && typeof target.expr === 'string') return target.expr;
  throw new Error(`a target without an expression: ${JSON.stringify(target)}`);
}

/** The metrics in a PromQL expression, by the names of their families: without `_bucket`, `_sum` and `_count`. */
export function metricsIn(expression: string): string[] {
  const names = expression.match(/\b(?:holdfast|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
}
