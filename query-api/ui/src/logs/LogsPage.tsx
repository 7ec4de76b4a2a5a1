import { apiPath } from "../api/client";
import type { LogHistogram, LogRecord } from "../api/types";
import { usePages, useResource } from "../api/useResource";
import { usePlace } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { Empty, Failure, Loading } from "../parts/states";
import { useTitle } from "../parts/useTitle";
import { groupDigits, plural } from "../text/numbers";
import { withTerm } from "../text/query";
import { useRange } from "../time/RangeContext";
import { Histogram } from "./Histogram";
import { LogForm } from "./LogForm";
import { LogList } from "./LogList";

const FIELDS = ["q", "service", "severity"] as const;

export function LogsPage() {
  useTitle("Logs");
  const { params } = useRange();
  const { query, update } = usePlace();
  const field = (name: (typeof FIELDS)[number]) => query.get(name) ?? "";
  const ascending = query.get("order") === "asc";
  const filters = { ...params, q: field("q"), service: field("service"), severity: field("severity") };
  const logs = usePages<LogRecord>(
    apiPath("/logs", { ...filters, limit: 100, order: ascending ? "asc" : "" }),
  );
  const histogram = useResource<LogHistogram>(apiPath("/logs/histogram", filters));
  const filtered = FIELDS.some((name) => field(name) !== "");
  return (
    <>
      <div class="title-line">
        <h1>Logs</h1>
        {histogram.data && (
          <span class="muted">
            {plural(histogram.data.total, "line")}
            {logs.first &&
              logs.items.length < histogram.data.total &&
              `, ${groupDigits(logs.items.length)} shown`}
          </span>
        )}
        <CompletenessBadge value={logs.first?.completeness} />
      </div>
      <LogForm key={FIELDS.map(field).join("\n")} />
      {histogram.data && <Histogram data={histogram.data} />}
      {histogram.error && !logs.error && (
        <Failure error={histogram.error} what="the histogram" retry={histogram.reload} />
      )}
      {logs.error && <Failure error={logs.error} what="logs" retry={logs.reload} query={field("q")} />}
      {!logs.first && !logs.error && <Loading what="logs" />}
      {logs.first && logs.items.length === 0 && (
        <Empty title="No log lines match">
          <p>
            Choose a longer time range above{filtered && ", or "}
            {filtered && (
              <button
                type="button"
                class="link-button"
                onClick={() => update(Object.fromEntries(FIELDS.map((name) => [name, null])))}
              >
                clear the filters
              </button>
            )}
            .
          </p>
        </Empty>
      )}
      {logs.items.length > 0 && (
        <LogList
          logs={logs.items}
          busy={logs.loading}
          ascending={ascending}
          onOrder={() => update({ order: ascending ? null : "asc" })}
          onFilter={(term, exclude) => update({ q: withTerm(field("q"), term, exclude) })}
        />
      )}
      {logs.hasMore && (
        <button type="button" class="load-more" onClick={logs.loadMore} disabled={logs.loading}>
          {logs.loading ? "Loading…" : "Load more"}
        </button>
      )}
    </>
  );
}
