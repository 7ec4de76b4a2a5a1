import type { LedgerRow } from "../api/types";
import { groupDigits } from "../text/numbers";
import { type Column, PARTS, shares } from "./columns";

/** What became of all that was created, as one bar. */
export function Bar({ row }: { row: Pick<LedgerRow, Column> }) {
  const text = PARTS.filter(({ key }) => row[key] !== 0)
    .map(({ key, label }) => `${label}: ${groupDigits(row[key])}`)
    .join(", ");
  return (
    <svg class="ledger-bar" viewBox="0 0 100 1" preserveAspectRatio="none" role="img">
      <title>{text || "Nothing was created"}</title>
      <rect class="ledger-empty" width="100" height="1" />
      {shares(row).map(({ key, start, width }) => (
        <rect key={key} class={`ledger-${key}`} x={start} width={width} height="1" />
      ))}
    </svg>
  );
}

/** The colours of the bars. */
export function Legend() {
  return (
    <ul class="ledger-legend">
      {PARTS.map(({ key, label, meaning }) => (
        <li key={key} title={meaning}>
          <svg class="ledger-key" viewBox="0 0 1 1" aria-hidden="true">
            <rect class={`ledger-${key}`} width="1" height="1" />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
