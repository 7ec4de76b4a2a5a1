const SCALES: readonly [number, string][] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** `999`, `1.2k`, `35.1k`, `1.2M`. */
export function formatCount(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size < 10_000) return groupDigits(Math.round(value));
  for (const [scale, letter] of SCALES) {
    if (size >= scale * 0.99995) {
      const scaled = value / scale;
      return `${Math.abs(scaled) >= 99.95 ? Math.round(scaled) : scaled.toFixed(1)}${letter}`;
    }
  }
  return String(Math.round(value));
}

/** Every digit, in groups of three: `1,234,567`. */
export function groupDigits(value: number): string {
  return value.toLocaleString("en-US");
}

export function formatRate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond === 0) return "0";
  if (perSecond < 0.01) return "<0.01";
  if (perSecond < 10) return perSecond.toFixed(2);
  if (perSecond < 1000) return perSecond.toFixed(1);
  return formatCount(perSecond);
}

/** A share of 0..1 in percent; a small share is never rounded to zero, nor an almost-all to 100 %. */
export function formatShare(share: number | null | undefined): string {
  if (share === null || share === undefined || Number.isNaN(share)) return "–";
  const percent = share * 100;
  if (percent === 0) return "0 %";
  if (percent < 0.01) return "<0.01 %";
  if (percent < 1) return `${percent.toFixed(2)} %`;
  if (percent < 10) return `${percent.toFixed(1)} %`;
  if (percent < 100 && percent >= 99.5) return `${(Math.floor(percent * 10) / 10).toFixed(1)} %`;
  return `${Math.round(percent)} %`;
}

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return "–";
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value >= 99.95 ? 0 : 1)} ${units[unit]}`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${groupDigits(count)} ${count === 1 ? one : many}`;
}
