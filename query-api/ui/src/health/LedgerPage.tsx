import { apiPath } from "../api/client";
import type { LedgerRow } from "../api/types";
import { usePages } from "../api/useResource";
import { CompletenessBadge } from "../parts/Completeness";
import { ServiceName } from "../parts/Service";
import { Empty, Failure, Loading } from "../parts/states";
import { useTitle } from "../parts/useTitle";
import { groupDigits } from "../text/numbers";
import { useRange } from "../time/RangeContext";

const COLUMNS: readonly {
  key: Exclude<keyof LedgerRow, "service" | "signal">;
  label: string;
  hint: string;
}[] = [
  { key: "created", label: "Created", hint: "What the SDKs say they made" },
  { key: "stored", label: "Stored", hint: "Rows in the store" },
  { key: "sampled_out", label: "Sampled out", hint: "Left out on purpose" },
  { key: "dropped", label: "Dropped", hint: "Lost in a queue of an SDK or agent" },
  { key: "quarantined", label: "Quarantined", hint: "Kept aside because a row was bad" },
  { key: "dead_lettered", label: "Dead letters", hint: "Messages that could not be read" },
  { key: "in_flight", label: "In flight", hint: "Accepted and not yet stored" },
  { key: "unexplained", label: "Unexplained", hint: "What is left: must be zero" },
];

/** Double-entry books of telemetry: everything created is accounted for, or stands in the last column. */
export function LedgerPage() {
  useTitle("Ledger");
  const { params } = useRange();
  const ledger = usePages<LedgerRow>(apiPath("/ledger", { ...params, limit: 500 }));
  return (
    <>
      <div class="title-line">
        <h1>Ledger</h1>
        <span class="muted">created = stored + left out + lost + in flight</span>
        <CompletenessBadge value={ledger.first?.completeness} />
      </div>
      {ledger.error && <Failure error={ledger.error} what="the ledger" retry={ledger.reload} />}
      {!ledger.first && !ledger.error && <Loading what="ledger" />}
      {ledger.first && ledger.items.length === 0 && (
        <Empty title="Nothing on the books in this time range">
          <p>Choose a longer time range above.</p>
        </Empty>
      )}
      {ledger.items.length > 0 && (
        <div class="card table-box">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Service</th>
                <th scope="col">Signal</th>
                {COLUMNS.map((column) => (
                  <th key={column.key} scope="col" class="number" title={column.hint}>
                    {column.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {ledger.items.map((row) => (
                <tr key={`${row.service} ${row.signal}`}>
                  <th scope="row">
                    <ServiceName service={row.service} link />
                  </th>
                  <td>{row.signal}</td>
                  {COLUMNS.map((column) => (
                    <td key={column.key} class={`number ${tone(column.key, row[column.key])}`}>
                      {row[column.key] === null ? "–" : groupDigits(row[column.key] ?? 0)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {ledger.hasMore && (
        <button type="button" class="load-more" onClick={ledger.loadMore} disabled={ledger.loading}>
          Load more
        </button>
      )}
    </>
  );
}

function tone(key: string, value: number | null): string {
  if (value === null || value === 0) return "muted";
  if (key === "unexplained" || key === "dead_lettered") return "bad";
  return key === "dropped" || key === "quarantined" ? "warn" : "";
}
