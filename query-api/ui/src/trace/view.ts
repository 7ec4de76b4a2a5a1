/** The part of the trace's time that the waterfall shows, in nanoseconds after the trace's base. */
export interface View {
  from: number;
  to: number;
}

/** Nothing shorter can be told apart: OTLP times are whole nanoseconds. */
const SHORTEST = 10;

export function clampView(view: View, whole: View): View {
  const length = Math.min(Math.max(view.to - view.from, SHORTEST), whole.to - whole.from);
  const from = Math.min(Math.max(view.from, whole.from), whole.to - length);
  return { from, to: from + length };
}

/** Scale about `centre`; a factor below 1 zooms in. */
export function zoomView(view: View, centre: number, factor: number, whole: View): View {
  const from = centre - (centre - view.from) * factor;
  return clampView({ from, to: from + (view.to - view.from) * factor }, whole);
}

/** Keep the length but move so that [start, end] comes into sight; unchanged if it already is. */
export function panTo(view: View, start: number, end: number, whole: View): View {
  if (end >= view.from && start <= view.to) return view;
  const length = view.to - view.from;
  const middle = end - start > length ? start + length * 0.4 : (start + end) / 2;
  return clampView({ from: middle - length / 2, to: middle + length / 2 }, whole);
}

export function isWhole(view: View, whole: View): boolean {
  return view.from <= whole.from && view.to >= whole.to;
}

export function viewFromQuery(text: string | null, whole: View): View {
  const match = /^(-?\d+)-(-?\d+)$/.exec(text ?? "");
  if (!match) return whole;
  const from = Number(match[1]);
  const to = Number(match[2]);
  return from < to ? clampView({ from, to }, whole) : whole;
}

export function viewToQuery(view: View, whole: View): string | null {
  return isWhole(view, whole) ? null : `${Math.floor(view.from)}-${Math.ceil(view.to)}`;
}

export interface Bar {
  /** Shares of the visible width, 0..1. */
  left: number;
  width: number;
  /** Where the bar lies when it is not in sight. */
  outside: "" | "before" | "after";
}

export function barOf(start: number, duration: number, view: View): Bar {
  const length = view.to - view.from;
  const end = start + duration;
  if (end < view.from) return { left: 0, width: 0, outside: "before" };
  if (start > view.to) return { left: 1, width: 0, outside: "after" };
  const left = Math.max(0, (start - view.from) / length);
  const right = Math.min(1, (end - view.from) / length);
  return { left, width: right - left, outside: "" };
}

/** Round times for the ruler: at most `most` of them inside the view. */
export function ticksOf(view: View, origin: number, most: number): number[] {
  const rough = (view.to - view.from) / Math.max(1, most);
  const step = roundStep(rough);
  const ticks: number[] = [];
  const first = Math.ceil((view.from - origin) / step) * step + origin;
  for (let at = first; at <= view.to && ticks.length <= most + 1; at += step) ticks.push(at);
  return ticks;
}

const LONG_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map(
  (s) => s * 1e9,
);

function roundStep(rough: number): number {
  if (rough > 30e9) return LONG_STEPS.find((step) => step >= rough) ?? Math.ceil(rough / 86_400e9) * 86_400e9;
  const scale = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const factor = [1, 2, 5, 10].find((one) => one * scale >= rough) ?? 10;
  return Math.max(1, factor * scale);
}
