import { useMemo } from "preact/hooks";
import type { LogHistogram } from "../api/types";
import { TimeChart } from "../charts/TimeChart";
import { formatCount } from "../text/numbers";
import { nanosOfMillis, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";
import { stackedSeries } from "./stack";

export function Histogram({ data }: { data: LogHistogram }) {
  const { zoom } = useRange();
  const times = useMemo(
    () => data.items.map((bucket) => Number((parseNanos(bucket.time) ?? 0n) / 1_000_000n) / 1000),
    [data],
  );
  const series = useMemo(() => stackedSeries(data.items), [data]);
  if (series.length === 0) return null;
  return (
    <section class="card chart-card log-histogram" aria-label="Log lines over time">
      <TimeChart
        title="Log lines by severity"
        times={times}
        step={data.step_seconds}
        series={series}
        format={formatCount}
        height={110}
        onBrush={(from, to) => zoom({ start: nanosOfMillis(from * 1000), end: nanosOfMillis(to * 1000) })}
      />
    </section>
  );
}
