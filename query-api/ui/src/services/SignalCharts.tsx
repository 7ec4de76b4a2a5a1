import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { apiPath } from "../api/client";
import type { ServiceSignals, SignalPoint } from "../api/types";
import { useResource } from "../api/useResource";
import { servicePath, tracePath, useHref, usePlace } from "../app/place";
import { type ChartSeries, TimeChart } from "../charts/TimeChart";
import { Failure, Loading } from "../parts/states";
import { formatRate, formatShare } from "../text/numbers";
import { formatDuration, nanosOfMillis, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";

interface SignalChartsProps {
  service: string;
  operation: string | null;
}

/** Traffic, error rate and latency; a click opens the slowest (or a failed) trace of that moment. */
export function SignalCharts({ service, operation }: SignalChartsProps) {
  const { params } = useRange();
  const signals = useResource<ServiceSignals>(
    apiPath(`${servicePath(service)}/signals`, { ...params, operation }),
  );
  if (signals.error) return <Failure error={signals.error} what="the charts" retry={signals.reload} />;
  if (!signals.data || signals.data.service !== service) return <Loading what="charts" />;
  return <Charts signals={signals.data} />;
}

interface ChartData {
  times: number[];
  traffic: ChartSeries[];
  errors: ChartSeries[];
  latency: ChartSeries[];
}

function chartData({ series, step_seconds: step }: ServiceSignals): ChartData {
  const per = (count: number) => count / step;
  return {
    times: series.map((point) => Number((parseNanos(point.time) ?? 0n) / 1_000_000n) / 1000),
    traffic: [
      {
        label: "requests/s",
        colour: "accent",
        kind: "bars",
        values: series.map((point) => per(point.requests)),
      },
      { label: "errors/s", colour: "error", kind: "bars", values: series.map((point) => per(point.errors)) },
    ],
    errors: [
      {
        label: "error rate",
        colour: "error",
        kind: "area",
        values: series.map((point) => (point.requests > 0 ? point.errors / point.requests : null)),
      },
    ],
    latency: [
      { label: "p99", colour: "series-3", values: series.map((point) => point.p99_ns) },
      { label: "p95", colour: "series-2", values: series.map((point) => point.p95_ns) },
      { label: "p50", colour: "series-1", kind: "area", values: series.map((point) => point.p50_ns) },
    ],
  };
}

function Charts({ signals }: { signals: ServiceSignals }) {
  const { zoom } = useRange();
  const { navigate } = usePlace();
  const href = useHref();
  const data = useMemo(() => chartData(signals), [signals]);
  const shared = {
    times: data.times,
    step: signals.step_seconds,
    syncKey: `service-${signals.service}`,
    onBrush: (from: number, to: number) =>
      zoom({ start: nanosOfMillis(from * 1000), end: nanosOfMillis(to * 1000) }),
  };
  const open = (choose: (point: SignalPoint) => string | null) => (index: number) => {
    const point = signals.series[index];
    const traceId = point ? choose(point) : null;
    if (traceId) navigate(href(tracePath(traceId)));
  };
  const failedOrSlow = open((point) => point.error_trace_id ?? point.exemplar_trace_id);
  return (
    <div class="charts">
      <Card title="Traffic" hint="click: a failed or slow trace">
        <TimeChart
          {...shared}
          title="Requests and errors"
          series={data.traffic}
          format={formatRate}
          onPick={failedOrSlow}
        />
      </Card>
      <Card title="Error rate" hint="click: a failed trace">
        <TimeChart
          {...shared}
          title="Error rate"
          series={data.errors}
          format={formatShare}
          onPick={open((point) => point.error_trace_id)}
        />
      </Card>
      <Card title="Latency" hint="click: the slowest trace">
        <TimeChart
          {...shared}
          title="Latency percentiles"
          series={data.latency}
          format={formatDuration}
          onPick={open((point) => point.exemplar_trace_id)}
        />
      </Card>
    </div>
  );
}

function Card({ title, hint, children }: { title: string; hint: string; children: ComponentChildren }) {
  return (
    <section class="card chart-card">
      <h2>
        {title} <span class="hint">{hint}</span>
      </h2>
      {children}
    </section>
  );
}
