import { apiPath } from "../api/client";
import type { LogHistogram, LogRecord } from "../api/types";
import { usePages, useResource } from "../api/useResource";
import { tracePath, useHref, usePlace } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { Empty, Failure, Loading } from "../parts/states";
import { useTitle } from "../parts/useTitle";
import { groupDigits, plural } from "../text/numbers";
import { withTerm } from "../text/query";
import { visibleLine } from "../text/visible";
import { useRange } from "../time/RangeContext";
import { Histogram } from "./Histogram";
import { LogForm } from "./LogForm";
import { LogList } from "./LogList";

const FIELDS = ["q", "service", "severity", "trace_id", "span_id"] as const;

export function LogsPage() {
  useTitle("Logs");
  const { params } = useRange();
  const { query, update } = usePlace();
  const field = (name: (typeof FIELDS)[number]) => query.get(name) ?? "";
  const ascending = query.get("order") === "asc";
  const traceId = field("trace_id");
  // The logs of a trace are found at whatever time it was.
  const time = traceId === "" ? params : {};
  const filters = { ...time, ...Object.fromEntries(FIELDS.map((name) => [name, field(name)])) };
  const logs = usePages<LogRecord>(
    apiPath("/logs", { ...filters, limit: 100, order: ascending ? "asc" : "" }),
  );
  // One request lasts too short to draw over minutes; its few lines speak for themselves.
  const histogram = useResource<LogHistogram>(traceId === "" ? apiPath("/logs/histogram", filters) : null);
  const filtered = FIELDS.some((name) => field(name) !== "");
  return (
    <>
      <div class="title-line">
        <h1>Logs</h1>
        {traceId !== "" && logs.first && !logs.hasMore && (
          <span class="muted">{plural(logs.items.length, "line")}</span>
        )}
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
      {traceId !== "" && <TraceFilter traceId={traceId} spanId={field("span_id")} />}
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

/** Logs of one trace or span, whatever the time range says. */
function TraceFilter({ traceId, spanId }: { traceId: string; spanId: string }) {
  const { update } = usePlace();
  const href = useHref();
  return (
    <p class="active-filter">
      <span>
        Only {spanId === "" ? "trace" : "span"}{" "}
        <a href={href(tracePath(traceId), { span: spanId || null })}>
          <code>{visibleLine(spanId || traceId)}</code>
        </a>
        , at any time
      </span>
      <button type="button" class="link-button" onClick={() => update({ trace_id: null, span_id: null })}>
        show all logs
      </button>
    </p>
  );
}
