import type { ServiceSummary } from "../api/types";

export const COLUMNS = [
  { key: "service", label: "Service", hint: "The resource attribute service.name", number: false },
  { key: "requests", label: "Traffic", hint: "Entry spans (server and consumer) per second", number: true },
  { key: "error_rate", label: "Errors", hint: "Share of entry spans with status error", number: true },
  { key: "p50_ns", label: "p50", hint: "Half of the requests took at most this long", number: true },
  { key: "p95_ns", label: "p95", hint: "95 of 100 requests took at most this long", number: true },
  { key: "p99_ns", label: "p99", hint: "99 of 100 requests took at most this long", number: true },
  { key: "spans", label: "Spans", hint: "All spans stored", number: true },
  { key: "logs", label: "Logs", hint: "Log records stored", number: true },
  { key: "last_seen", label: "Last seen", hint: "Time of the newest data", number: true },
] as const;

export type ColumnKey = (typeof COLUMNS)[number]["key"];

export function isColumn(key: string): key is ColumnKey {
  return COLUMNS.some((column) => column.key === key);
}

/** Services whose name holds `filter`, by one column; unknown values last, equal ones by name. */
export function sortedServices(
  services: readonly ServiceSummary[],
  filter: string,
  column: ColumnKey,
  descending: boolean,
): ServiceSummary[] {
  const wanted = filter.trim().toLowerCase();
  const kept = services.filter((one) => one.service.toLowerCase().includes(wanted));
  return kept.sort((a, b) => {
    const order = compare(a[column], b[column], descending);
    return order || (a.service < b.service ? -1 : 1);
  });
}

function compare(a: string | number | null, b: string | number | null, descending: boolean): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a < b ? -1 : 1) * (descending ? -1 : 1);
}
