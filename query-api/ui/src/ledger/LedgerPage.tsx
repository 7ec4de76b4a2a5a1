import { apiPath } from "../api/client";
import type { Ledger, LedgerRow } from "../api/types";
import { useResource } from "../api/useResource";
import { usePreferences } from "../app/preferences";
import { CompletenessBadge } from "../parts/Completeness";
import { Empty, Failure, Loading } from "../parts/states";
import { useTitle } from "../parts/useTitle";
import { groupDigits } from "../text/numbers";
import { formatTime, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";
import { Bar, Legend } from "./Bar";
import { CREATED_MEANING, PARTS, total } from "./columns";
import { Gaps, Origins } from "./Gaps";
import { Drops, LedgerTable } from "./LedgerTable";

/** Double-entry books of telemetry: everything created is accounted for, or stands in the last column. */
export function LedgerPage() {
  useTitle("Ledger");
  const { params } = useRange();
  const ledger = useResource<Ledger>(apiPath("/ledger", params));
  const rows = (ledger.data?.items ?? []).filter((row) => row.created !== 0 || row.unexplained !== 0);
  return (
    <>
      <div class="title-line">
        <h1>Ledger</h1>
        {ledger.data && <Verdict ledger={ledger.data} />}
        <CompletenessBadge value={ledger.data?.completeness} />
      </div>
      {ledger.error && <Failure error={ledger.error} what="the ledger" retry={ledger.reload} />}
      {!ledger.data && !ledger.error && <Loading what="ledger" />}
      {ledger.data && rows.length === 0 && (
        <Empty title="Nothing on the books in this time range">
          <p>Choose a longer time range above.</p>
        </Empty>
      )}
      {rows.length > 0 && (
        <>
          <Totals rows={rows} />
          <LedgerTable rows={rows} />
          <Drops rows={rows} />
        </>
      )}
      {ledger.data && (
        <>
          <Gaps />
          <Origins />
          <Meanings />
        </>
      )}
    </>
  );
}

function Verdict({ ledger }: { ledger: Ledger }) {
  const { zone } = usePreferences();
  const settled = ledger.settled === null ? null : parseNanos(ledger.settled);
  const off = ledger.items.reduce((sum, row) => sum + Math.abs(row.unexplained), 0);
  return (
    <>
      <span class={`tag ${ledger.balanced ? "status-ok" : "status-error"}`}>
        {ledger.balanced ? "balanced" : `${groupDigits(off)} unexplained`}
      </span>
      <span class="muted">
        {settled === null ? "nothing can be judged yet" : `as of ${formatTime(settled, zone, 0)}`}
      </span>
    </>
  );
}

/** The whole of each signal as one bar. */
function Totals({ rows }: { rows: readonly LedgerRow[] }) {
  const signals = [...new Set(rows.map((row) => row.signal))];
  return (
    <section class="card ledger-totals">
      <h2 class="visually-hidden">Everything</h2>
      {signals.map((signal) => {
        const sum = total(rows.filter((row) => row.signal === signal));
        return (
          <div key={signal} class="ledger-total">
            <span>{signal}</span>
            <Bar row={sum} />
            <span class="ledger-number">{groupDigits(sum.created)} created</span>
          </div>
        );
      })}
      <Legend />
    </section>
  );
}

function Meanings() {
  return (
    <details class="card ledger-meanings">
      <summary>What the columns mean</summary>
      <p>
        Created = {PARTS.map(({ label }) => label.toLowerCase()).join(" + ")}. What arrived after the time
        that stands at the top is not judged yet.
      </p>
      <dl class="pairs">
        <dt>Created</dt>
        <dd>{CREATED_MEANING}</dd>
        {PARTS.map(({ key, label, meaning }) => (
          <div key={key} class="pair">
            <dt>{label}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
