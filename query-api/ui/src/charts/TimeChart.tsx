import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { usePreferences } from "../app/preferences";
import { civilTime, nanosOfMillis } from "../time/nanos";
import { readColours, useSize } from "./canvas";

export interface ChartSeries {
  label: string;
  /** Name of a colour of the style sheet, without the dashes. */
  colour: string;
  values: (number | null)[];
  kind?: "line" | "bars" | "area";
  /** What the legend shows when the drawn value is another one (stacked bars). */
  shown?: (number | null)[];
}

interface TimeChartProps {
  title: string;
  /** Seconds since the epoch, ascending, `step` apart. */
  times: number[];
  step: number;
  series: ChartSeries[];
  format: (value: number) => string;
  height?: number;
  /** Charts with one key share their crosshair. */
  syncKey?: string;
  /** Seconds: the reader dragged over this part. */
  onBrush?: (from: number, to: number) => void;
  /** The reader clicked at this index. */
  onPick?: (index: number) => void;
}

/** A small chart over time: drag chooses a range, a click picks a point. */
export function TimeChart(props: TimeChartProps) {
  const { times, series, height = 150 } = props;
  const { dark, zone } = usePreferences();
  const { ref, width } = useSize<HTMLDivElement>();
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = series.map((one) => `${one.label}/${one.colour}/${one.kind ?? ""}`).join();
  const data = useMemo(
    () => [times, ...series.map((one) => one.values)] as uPlot.AlignedData,
    [times, series],
  );

  useLayoutEffect(() => {
    const box = ref.current;
    if (!box || width === 0) return;
    const made = new uPlot(optionsOf(box, latest, width, height, zone === "utc"), data, box);
    plot.current = made;
    return () => {
      made.destroy();
      plot.current = null;
    };
  }, [shape, dark, zone, width, height]);
  useEffect(() => plot.current?.setData(data), [data]);
  return (
    <div class="chart" ref={ref} role="img" aria-label={`${props.title}. Drag to choose a time range.`} />
  );
}

type Latest = { current: TimeChartProps };

function optionsOf(box: Element, latest: Latest, width: number, height: number, utc: boolean): uPlot.Options {
  const { series, syncKey } = latest.current;
  const [muted = "", line = ""] = readColours(box, ["muted", "line"]);
  const axis = { stroke: muted, font: "11px system-ui", ticks: { show: false } };
  return {
    width,
    height,
    padding: [8, 20, 0, 0],
    tzDate: (seconds) => (utc ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 6 },
      ...(syncKey ? { sync: { key: syncKey } } : {}),
    },
    legend: {
      live: true,
      markers: {
        width: 0,
        fill: (_plot, index) =>
          readColours(box, [latest.current.series[index - 1]?.colour ?? "muted"])[0] ?? "",
      },
    },
    scales: {
      // From the data, not from uPlot: of a single point it makes a range of years.
      x: {
        range: () => [latest.current.times[0] ?? 0, (latest.current.times.at(-1) ?? 0) + latest.current.step],
      },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      { ...axis, grid: { stroke: line, width: 1 }, size: 24, space: 70, values: timeTicks(utc) },
      {
        ...axis,
        grid: { stroke: line, width: 1 },
        size: 62,
        space: 30,
        values: (_plot, ticks) => ticks.map((tick) => latest.current.format(tick)),
      },
    ],
    series: [{ value: "{HH}:{mm}:{ss}" }, ...series.map((_, index) => seriesOf(box, latest, index))],
    hooks: {
      setSelect: [(plot) => brushed(plot, latest)],
      setLegend: [showNewest],
      ready: [(plot) => listenForClicks(plot, latest)],
    },
  };
}

/** The time of day, and the date wherever a day begins. */
function timeTicks(utc: boolean): uPlot.Axis.Values {
  return (_plot, ticks, _axis, _space, step) =>
    ticks.map((seconds) => {
      const civil = civilTime(nanosOfMillis(seconds * 1000), utc ? "utc" : "local");
      if (step >= 86_400 || civil.clock === "00:00:00") return civil.date.slice(5);
      if (step >= 60) return civil.clock.slice(0, 5);
      return step >= 1 ? civil.clock : `${civil.clock}.${civil.fraction.slice(0, 3)}`;
    });
}

function seriesOf(box: Element, latest: Latest, index: number): uPlot.Series {
  const one = latest.current.series[index] as ChartSeries;
  const [colour = ""] = readColours(box, [one.colour]);
  const bars = one.kind === "bars";
  return {
    label: one.label,
    stroke: colour,
    width: bars ? 0 : 1.5,
    ...(bars ? { fill: colour } : one.kind === "area" ? { fill: translucent(colour) } : {}),
    ...(bars && uPlot.paths.bars ? { paths: uPlot.paths.bars({ size: [0.85, 40], align: 1 }) } : {}),
    points: { show: false },
    value: (_plot, value, _series, at) => {
      const now = latest.current;
      const shown = at === null ? value : (now.series[index]?.shown?.[at] ?? value);
      return shown === null || shown === undefined ? "–" : now.format(shown);
    },
  };
}

/** While nothing is pointed at, the legend tells the newest point that has values. */
function showNewest(plot: uPlot): void {
  if (typeof plot.legend.idx === "number") return;
  const [times, ...values] = plot.data;
  for (let at = times.length - 1; at >= 0; at -= 1) {
    if (values.every((series) => series[at] === null || series[at] === undefined)) continue;
    plot.setLegend({ idx: at }, false);
    return;
  }
}

function translucent(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)");
}

function brushed(plot: uPlot, latest: Latest): void {
  const { left, width } = plot.select;
  if (width < 4) return;
  const from = plot.posToVal(left, "x");
  const to = plot.posToVal(left + width, "x");
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  latest.current.onBrush?.(from, to);
}

function listenForClicks(plot: uPlot, latest: Latest): void {
  let pressedAt = 0;
  plot.over.addEventListener("mousedown", (event) => {
    pressedAt = event.clientX;
  });
  plot.over.addEventListener("click", (event) => {
    const index = plot.cursor.idx;
    if (Math.abs(event.clientX - pressedAt) < 4 && typeof index === "number") latest.current.onPick?.(index);
  });
}
