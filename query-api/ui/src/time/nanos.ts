/** Arithmetic and text for nanosecond times, which do not fit into a JavaScript number. */

export type Zone = "local" | "utc";

/** Nanoseconds since the epoch from a decimal string or an RFC 3339 time; null when it is neither. */
export function parseNanos(text: string): bigint | null {
  if (/^-?\d+$/.test(text)) return BigInt(text);
  const match = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  if (!match) return null;
  const millis = Date.parse(`${match[1]?.replace(" ", "T")}${match[3]?.toUpperCase()}`);
  if (Number.isNaN(millis)) return null;
  return BigInt(millis) * 1_000_000n + BigInt((match[2] ?? "").padEnd(9, "0"));
}

/** `nanos` minus `base` as a number: exact up to 104 days. */
export function offsetFrom(base: bigint, nanos: string | bigint): number {
  return Number((typeof nanos === "bigint" ? nanos : BigInt(nanos)) - base);
}

export function millisOf(nanos: bigint): number {
  return Number(nanos / 1_000_000n);
}

export function nanosOfMillis(millis: number): bigint {
  return BigInt(Math.round(millis)) * 1_000_000n;
}

const UNITS: readonly [number, string][] = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
];

/** Three significant digits with the unit a reader expects: `1.23 ms`, `4 min 05 s`. */
export function formatDuration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || !Number.isFinite(ns)) return "–";
  if (ns < 0) return `−${formatDuration(-ns)}`;
  if (ns >= 59.95e9) return formatLong(ns);
  for (const [size, unit] of UNITS) {
    if (ns >= size * 0.9995) return `${threeDigits(ns / size)} ${unit}`;
  }
  return `${Math.round(ns)} ns`;
}

function formatLong(ns: number): string {
  const seconds = Math.round(ns / 1e9);
  const two = (n: number) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return value.toFixed(value >= 9.995 ? 1 : 2).replace(/\.?0+$/, "");
}

export interface CivilTime {
  date: string;
  clock: string;
  fraction: string;
  zone: string;
}

/** The calendar date, the clock and the nine digits after the second, in the wanted zone. */
export function civilTime(nanos: bigint, zone: Zone): CivilTime {
  const second = nanos >= 0n ? nanos / 1_000_000_000n : (nanos - 999_999_999n) / 1_000_000_000n;
  const fraction = String(nanos - second * 1_000_000_000n).padStart(9, "0");
  const at = new Date(Number(second) * 1000);
  if (Number.isNaN(at.getTime())) return { date: "out of range", clock: "", fraction, zone: "" };
  const shifted = zone === "utc" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  const iso = shifted.toISOString();
  const split = iso.indexOf("T");
  return {
    date: iso.slice(0, split),
    clock: iso.slice(split + 1, split + 9),
    fraction,
    zone: zone === "utc" ? "UTC" : offsetName(-at.getTimezoneOffset()),
  };
}

function offsetName(minutes: number): string {
  const size = Math.abs(minutes);
  const two = (n: number) => String(n).padStart(2, "0");
  return `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `2026-11-22 18:57:43.123` with as many digits after the second as asked for. */
export function formatTime(nanos: bigint, zone: Zone, digits = 3): string {
  const civil = civilTime(nanos, zone);
  const fraction = digits > 0 ? `.${civil.fraction.slice(0, digits)}` : "";
  return `${civil.date} ${civil.clock}${fraction}`;
}

/** Time of day only, for lists whose date is clear from their surroundings. */
export function formatClock(nanos: bigint, zone: Zone, digits = 3): string {
  const civil = civilTime(nanos, zone);
  return digits > 0 ? `${civil.clock}.${civil.fraction.slice(0, digits)}` : civil.clock;
}

/** `12 s ago`, `3 min ago`; `in 5 s` for a time that lies ahead. */
export function formatAgo(nanos: bigint, nowMillis: number): string {
  const seconds = Math.round(nowMillis / 1000 - Number(nanos / 1_000_000n) / 1000);
  if (Math.abs(seconds) < 2) return "now";
  const size = Math.abs(seconds);
  const text =
    size < 120
      ? `${size} s`
      : size < 7200
        ? `${Math.round(size / 60)} min`
        : size < 172_800
          ? `${Math.round(size / 3600)} h`
          : `${Math.round(size / 86_400)} d`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** A duration a person typed (`10ms`, `1.5 s`, `2m`, bare numbers are milliseconds) in nanoseconds. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|s|m|min|h)?\s*$/i.exec(text);
  if (!match) return null;
  const scale: Record<string, number> = {
    ns: 1,
    us: 1e3,
    µs: 1e3,
    μs: 1e3,
    ms: 1e6,
    s: 1e9,
    m: 60e9,
    min: 60e9,
    h: 3600e9,
  };
  const factor = scale[(match[2] ?? "ms").toLowerCase()];
  return factor === undefined ? null : Math.round(Number(match[1]) * factor);
}
