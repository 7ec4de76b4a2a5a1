/**
 * The duration of a full bar: that of the longest trace, unless a few outliers are so long that all other
 * bars would vanish; these then run over the end.
 */
export function barScale(durations: readonly number[]): number {
  const sorted = [...durations].sort((a, b) => a - b);
  const longest = sorted.at(-1) ?? 1;
  const usual = sorted[Math.floor((sorted.length - 1) * 0.9)] ?? longest;
  return Math.max(1, longest > usual * 4 ? usual * 1.25 : longest);
}
