import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorBuilder, FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

export const COLORS = ['blue', 'green'] as const;
export type Color = (typeof COLORS)[number];

/** A query and the name of its lines. */
export interface Series {
  /** May contain labels, such as `{{instance}}`. Empty: Grafana chooses. */
  readonly legend: string;
  readonly query: string;
}

/** The data source that is chosen at the top of the dashboard. */
const DATASOURCE = { type: 'prometheus', uid: '$' + '{datasource}' };
/** Widths in columns. A dashboard has 24, half for each colour. */
const HALF = 12;
const SIXTH = 4;

/** Puts a colour in place of `$color`. */
export function forColor(color: Color): (series: Series) => Series {
  return ({ legend, query }) => ({ legend, query: query.replaceAll('$color', color) });
}

/** A quantile of a histogram, over all processes that have the labels. */
export function quantile(q: number, histogram: string, labels: string): Series {
  const selector = labels === '' ? '' : `{${labels}}`;
  const buckets = `sum by (le) (rate(${histogram}_bucket${selector}[$__rate_interval]))`;
  return { legend: `p${q * 100}`, query: `histogram_quantile(${q}, ${buckets})` };
}

function target(series: Series, index: number): DataqueryBuilder {
  return new DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .datasource(DATASOURCE)
    .expr(series.query)
    .legendFormat(series.legend === '' ? '__auto' : series.legend);
}

function colorOf(color: Color | undefined): FieldColorBuilder {
  return color === undefined
    ? new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic)
    : new FieldColorBuilder().mode(FieldColorModeId.Shades).fixedColor(color);
}

/** A panel with lines over time, of half the width. The lines of one colour's panel are shades of that colour. */
export function graph(
  title: string,
  description: string,
  unit: string,
  series: readonly Series[],
  color?: Color,
): TimeseriesBuilder {
  return new TimeseriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .min(0)
    .span(HALF)
    .height(7)
    .drawStyle(GraphDrawStyle.Line)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .colorScheme(colorOf(color))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
    .targets(series.map(target));
}

/** A panel with one number, of a sixth of the width. */
export function stat(
  title: string,
  description: string,
  unit: string,
  series: readonly Series[],
  color?: Color,
): StatBuilder {
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .span(SIXTH)
    .height(4)
    .colorScheme(colorOf(color))
    .targets(series.map((one, index) => target(one, index).instant()));
}
