import { nanosOfMillis, parseNanos } from "./nanos";

/** The time range of a page as the URL says it: the last so-and-so long, or between two times. */
export type TimeRange =
  | { kind: "last"; text: string; seconds: number }
  | { kind: "between"; start: bigint; end: bigint };

export interface Interval {
  start: bigint;
  end: bigint;
}

export const PRESETS: readonly { text: string; label: string }[] = [
  { text: "5m", label: "Last 5 minutes" },
  { text: "15m", label: "Last 15 minutes" },
  { text: "1h", label: "Last hour" },
  { text: "3h", label: "Last 3 hours" },
  { text: "12h", label: "Last 12 hours" },
  { text: "1d", label: "Last day" },
  { text: "3d", label: "Last 3 days" },
  { text: "7d", label: "Last 7 days" },
  { text: "30d", label: "Last 30 days" },
];

const DEFAULT = { kind: "last", text: "1h", seconds: 3600 } as const satisfies TimeRange;
const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

export function parseSpanText(text: string): number | null {
  const match = /^(\d{1,6})([smhd])$/.exec(text.trim());
  if (!match) return null;
  const seconds = Number(match[1]) * (UNIT_SECONDS[match[2] ?? ""] ?? 0);
  return seconds > 0 ? seconds : null;
}

/** What the URL's `start`, `end` and `range` mean; an unreadable range is the default, the last hour. */
export function rangeFromQuery(query: URLSearchParams): TimeRange {
  const start = parseNanos(query.get("start") ?? "");
  const end = parseNanos(query.get("end") ?? "");
  if (start !== null && end !== null && start < end) return { kind: "between", start, end };
  const text = query.get("range") ?? "";
  const seconds = parseSpanText(text);
  return seconds === null ? DEFAULT : { kind: "last", text, seconds };
}

/** The query parameters that stand for a range; null removes a parameter. */
export function rangeToQuery(range: TimeRange): Record<"range" | "start" | "end", string | null> {
  if (range.kind === "between")
    return { range: null, start: isoNanos(range.start), end: isoNanos(range.end) };
  return { range: range.text === DEFAULT.text ? null : range.text, start: null, end: null };
}

/** RFC 3339 in UTC with nine fraction digits, without trailing zeros of whole milliseconds. */
export function isoNanos(nanos: bigint): string {
  const second = nanos / 1_000_000_000n;
  const fraction = String(nanos % 1_000_000_000n).padStart(9, "0");
  const stem = new Date(Number(second) * 1000).toISOString().slice(0, 19);
  return `${stem}.${fraction.endsWith("000000") ? fraction.slice(0, 3) : fraction}Z`;
}

export function resolveRange(range: TimeRange, nowMillis: number): Interval {
  if (range.kind === "between") return { start: range.start, end: range.end };
  const end = nanosOfMillis(nowMillis);
  return { start: end - BigInt(range.seconds) * 1_000_000_000n, end };
}

/** The same length, moved by `direction` lengths; or widened about its middle for zooming out. */
export function shiftInterval({ start, end }: Interval, direction: -1 | 1): Interval {
  const length = (end - start) * BigInt(direction);
  return { start: start + length, end: end + length };
}

export function widenInterval({ start, end }: Interval): Interval {
  const half = (end - start) / 2n;
  return { start: start - half, end: end + half };
}

const AROUND_NANOS = 1_800_000_000_000n;

/** A range for searches that start from one moment: the default when that lies in it, else an hour about it. */
export function rangeAround(
  moment: bigint,
  nowMillis: number,
): Record<"range" | "start" | "end", string | null> {
  const { start } = resolveRange(DEFAULT, nowMillis);
  if (moment >= start) return rangeToQuery(DEFAULT);
  return rangeToQuery({ kind: "between", start: moment - AROUND_NANOS, end: moment + AROUND_NANOS });
}

/** Value for `<input type="datetime-local">` and back, in the wanted zone. */
export function toInputValue(nanos: bigint, utc: boolean): string {
  const at = new Date(Number(nanos / 1_000_000n));
  const shifted = utc ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

export function fromInputValue(text: string, utc: boolean): bigint | null {
  const millis = Date.parse(utc ? `${text}Z` : text);
  return Number.isNaN(millis) ? null : nanosOfMillis(millis);
}
