import type { HistogramBucket, Severity } from "../api/types";
import type { ChartSeries } from "../charts/TimeChart";

/** From the bottom of a bar to its top: what matters most stands on the axis, where it can be compared. */
const STACK: readonly { severity: Severity; colour: string }[] = [
  { severity: "fatal", colour: "severity-fatal" },
  { severity: "error", colour: "severity-error" },
  { severity: "warn", colour: "severity-warn" },
  { severity: "info", colour: "severity-info" },
  { severity: "debug", colour: "severity-debug" },
  { severity: "trace", colour: "severity-trace" },
  { severity: "unspecified", colour: "severity-unspecified" },
];

/**
 * Stacked bars: a series is drawn up to the sum of all below it, the highest first, so that lower ones cover
 * it. Severities that do not occur are left out.
 */
export function stackedSeries(buckets: readonly HistogramBucket[]): ChartSeries[] {
  const sums = new Array<number>(buckets.length).fill(0);
  const series: ChartSeries[] = [];
  for (const { severity, colour } of STACK) {
    const counts = buckets.map((bucket) => bucket[severity] ?? 0);
    if (!counts.some((count) => count > 0)) continue;
    counts.forEach((count, index) => {
      sums[index] = (sums[index] as number) + count;
    });
    series.unshift({ label: severity, colour, kind: "bars", values: [...sums], shown: counts });
  }
  return series;
}
