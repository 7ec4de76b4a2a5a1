import { apiPath } from "../api/client";
import type { Dependency } from "../api/types";
import { usePages } from "../api/useResource";
import { useHref } from "../app/place";
import { ServiceName } from "../parts/Service";
import { Failure } from "../parts/states";
import { TableHead } from "../parts/TableHead";
import { formatCount, formatShare } from "../text/numbers";
import { formatDuration } from "../time/nanos";
import { useRange } from "../time/RangeContext";

/** Who calls this service, and whom it calls. */
export function Neighbours({ service }: { service: string }) {
  const { params } = useRange();
  const href = useHref();
  const edges = usePages<Dependency>(apiPath("/dependencies", { ...params, limit: 1000 }));
  if (edges.error) return <Failure error={edges.error} what="callers and callees" retry={edges.reload} />;
  const callers = edges.items.filter((edge) => edge.callee === service);
  const callees = edges.items.filter((edge) => edge.caller === service);
  if (callers.length + callees.length === 0) return null;
  return (
    <div class="two-columns">
      <EdgeTable title="Called by" edges={callers} other={(edge) => edge.caller} />
      <EdgeTable title="Calls" edges={callees} other={(edge) => edge.callee} />
      <p class="hint">
        <a href={href("/map", { focus: service })}>Show on the map</a>
      </p>
    </div>
  );
}

interface EdgeTableProps {
  title: string;
  edges: Dependency[];
  other: (edge: Dependency) => string;
}

function EdgeTable({ title, edges, other }: EdgeTableProps) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {edges.length === 0 && <p class="hint">nobody in this time range</p>}
      {edges.length > 0 && (
        <div class="table-box">
          <table class="table">
            <TableHead
              columns={["Service", "Over", { number: "Calls" }, { number: "Errors" }, { number: "p95" }]}
            />
            <tbody>
              {edges.map((edge) => (
                <tr key={`${edge.caller} ${edge.callee} ${edge.kind}`}>
                  <th scope="row">
                    <ServiceName service={other(edge)} link />
                  </th>
                  <td class="muted">{edge.kind}</td>
                  <td class="number">{formatCount(edge.requests)}</td>
                  <td class={`number ${edge.errors > 0 ? "bad" : "muted"}`}>
                    {formatShare(edge.error_rate)}
                  </td>
                  <td class="number">{formatDuration(edge.p95_ns)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
