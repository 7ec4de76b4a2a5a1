import { apiPath } from "../api/client";
import type { Operation } from "../api/types";
import { usePages } from "../api/useResource";
import { servicePath, tracePath, useHref, usePlace } from "../app/place";
import { Failure, Loading } from "../parts/states";
import { TableHead } from "../parts/TableHead";
import { Text } from "../parts/Text";
import { useListKeys } from "../parts/useListKeys";
import { formatCount, formatShare } from "../text/numbers";
import { formatDuration } from "../time/nanos";
import { useRange } from "../time/RangeContext";

interface OperationTableProps {
  service: string;
  /** The operation that the charts show. */
  chosen: string | null;
}

export function OperationTable({ service, chosen }: OperationTableProps) {
  const { params } = useRange();
  const operations = usePages<Operation>(
    apiPath(`${servicePath(service)}/operations`, { ...params, limit: 100 }),
  );
  const list = useListKeys<HTMLTableSectionElement>();
  return (
    <section class="card">
      <h2>Operations</h2>
      {operations.error && (
        <Failure error={operations.error} what="the operations" retry={operations.reload} />
      )}
      {!operations.first && !operations.error && <Loading what="operations" />}
      {operations.first && operations.items.length === 0 && (
        <p class="hint">No spans of this service in this time range. Choose a longer one above.</p>
      )}
      {operations.items.length > 0 && (
        <div class="table-box">
          <table class={`table ${operations.loading ? "busy" : ""}`}>
            <TableHead
              columns={[
                "Operation",
                "Kind",
                { number: "Spans" },
                { number: "Errors" },
                { number: "p50" },
                { number: "p95" },
                { number: "p99" },
                "Look at",
              ]}
            />
            <tbody ref={list}>
              {operations.items.map((one) => (
                <OperationRow
                  key={`${one.kind} ${one.operation}`}
                  service={service}
                  one={one}
                  chosen={one.operation === chosen}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {operations.hasMore && (
        <button type="button" class="load-more" onClick={operations.loadMore} disabled={operations.loading}>
          Load more
        </button>
      )}
    </section>
  );
}

function OperationRow({ service, one, chosen }: { service: string; one: Operation; chosen: boolean }) {
  const href = useHref();
  const { update } = usePlace();
  return (
    <tr aria-current={chosen}>
      <th scope="row">
        <a data-row href={href("/traces", { service, operation: one.operation })}>
          <Text>{one.operation || "(no name)"}</Text>
        </a>
      </th>
      <td>
        <span class="muted">{one.kind}</span>
      </td>
      <td class="number">{formatCount(one.count)}</td>
      <td class={`number ${one.errors > 0 ? "bad" : "muted"}`}>{formatShare(one.error_rate)}</td>
      <td class="number">{formatDuration(one.p50_ns)}</td>
      <td class="number">{formatDuration(one.p95_ns)}</td>
      <td class="number">{formatDuration(one.p99_ns)}</td>
      <td class="row-links">
        <button
          type="button"
          class="link-button"
          onClick={() => update({ operation: chosen ? null : one.operation })}
        >
          {chosen ? "all" : "charts"}
        </button>
        {one.exemplar_trace_id && <a href={href(tracePath(one.exemplar_trace_id))}>slowest</a>}
        {one.error_trace_id && <a href={href(tracePath(one.error_trace_id))}>failed</a>}
      </td>
    </tr>
  );
}
