import { apiPath } from "../api/client";
import type { TraceSummary } from "../api/types";
import { usePages } from "../api/useResource";
import { usePlace } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { Empty, Failure, Loading } from "../parts/states";
import { useTitle } from "../parts/useTitle";
import { plural } from "../text/numbers";
import { parseDuration } from "../time/nanos";
import { useRange } from "../time/RangeContext";
import { TraceForm } from "./TraceForm";
import { TraceList } from "./TraceList";

const FIELDS = ["service", "operation", "status", "min", "max", "q"] as const;

export function TracesPage() {
  useTitle("Traces");
  const { params } = useRange();
  const { query, update } = usePlace();
  const field = (name: (typeof FIELDS)[number]) => query.get(name) ?? "";
  const traces = usePages<TraceSummary>(
    apiPath("/traces", {
      ...params,
      service: field("service"),
      operation: field("operation"),
      status: field("status"),
      min_duration_ns: parseDuration(field("min")),
      max_duration_ns: parseDuration(field("max")),
      q: field("q"),
      limit: 50,
    }),
  );
  const filtered = FIELDS.some((name) => field(name) !== "");
  const clear = () => update(Object.fromEntries(FIELDS.map((name) => [name, null])));
  return (
    <>
      <div class="title-line">
        <h1>Traces</h1>
        {traces.first && (
          <span class="muted">
            {plural(traces.items.length, "trace")} shown, newest first{traces.hasMore && ", more below"}
          </span>
        )}
        <CompletenessBadge value={traces.first?.completeness} />
      </div>
      <TraceForm key={FIELDS.map(field).join("\n")} busy={traces.loading} />
      {traces.error && (
        <Failure error={traces.error} what="traces" retry={traces.reload} query={field("q")} />
      )}
      {!traces.first && !traces.error && <Loading what="traces" />}
      {traces.first && traces.items.length === 0 && (
        <Empty title="No traces match">
          <p>
            Choose a longer time range above{filtered && ", or "}
            {filtered && (
              <button type="button" class="link-button" onClick={clear}>
                clear the filters
              </button>
            )}
            .
          </p>
        </Empty>
      )}
      {traces.items.length > 0 && <TraceList traces={traces.items} busy={traces.loading} />}
      {traces.hasMore && (
        <button type="button" class="load-more" onClick={traces.loadMore} disabled={traces.loading}>
          {traces.loading ? "Loading…" : "Load more"}
        </button>
      )}
    </>
  );
}
