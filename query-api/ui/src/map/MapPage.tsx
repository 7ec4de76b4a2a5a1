import { useMemo, useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { Dependency, ServiceSummary } from "../api/types";
import { usePages } from "../api/useResource";
import { usePalette } from "../app/palette";
import { servicePath, useHref, usePlace } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { ServiceName } from "../parts/Service";
import { Empty, Failure, Loading } from "../parts/states";
import { TableHead } from "../parts/TableHead";
import { useTitle } from "../parts/useTitle";
import { formatCount, formatRate, formatShare, plural } from "../text/numbers";
import { clip, visibleLine } from "../text/visible";
import { formatDuration } from "../time/nanos";
import { useRange } from "../time/RangeContext";
import { layoutMap, type MapLayout, NODE_HEIGHT, NODE_WIDTH } from "./layout";

/** Characters of a name that fit into a box. */
const NAME_ROOM = 19;

export function MapPage() {
  useTitle("Service map");
  const { params } = useRange();
  const edges = usePages<Dependency>(apiPath("/dependencies", { ...params, limit: 1000 }));
  const services = usePages<ServiceSummary>(apiPath("/services", { ...params, limit: 500 }));
  const layout = useMemo(
    () => (edges.first ? layoutMap(edges.items) : null),
    [edges.first, edges.items.length],
  );
  return (
    <>
      <div class="title-line">
        <h1>Service map</h1>
        {edges.first && <span class="muted">{plural(edges.items.length, "connection")}</span>}
        <CompletenessBadge value={edges.first?.completeness} />
      </div>
      {edges.error && <Failure error={edges.error} what="the service map" retry={edges.reload} />}
      {!edges.first && !edges.error && <Loading what="service map" />}
      {edges.first && edges.items.length === 0 && (
        <Empty title="No calls between services in this time range">
          <p>
            A connection appears when a client span in one service has a server span in another as its child.
          </p>
        </Empty>
      )}
      {layout && edges.items.length > 0 && (
        <>
          <Drawing layout={layout} services={services.items} />
          <EdgeTable edges={edges.items} />
        </>
      )}
    </>
  );
}

function Drawing({ layout, services }: { layout: MapLayout; services: ServiceSummary[] }) {
  const { query, update } = usePlace();
  const palette = usePalette();
  const [hovered, setHovered] = useState<string | null>(null);
  const focus = hovered ?? query.get("focus");
  const numbers = new Map(services.map((one) => [one.service, one]));
  const near = new Set(
    layout.edges
      .filter(({ edge }) => edge.caller === focus || edge.callee === focus)
      .flatMap(({ edge }) => [edge.caller, edge.callee]),
  );
  const dim = (on: boolean) => (focus !== null && near.size > 0 && !on ? "dim" : "");
  return (
    <section class="card map-card" aria-label="Map">
      <svg
        class="map"
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        width={layout.width}
        height={layout.height}
        role="group"
        aria-label="Services and their calls; the table below holds the same"
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="11"
            markerHeight="11"
            orient="auto"
            markerUnits="userSpaceOnUse"
          >
            <path d="M0 0.5 7.5 4 0 7.5Z" />
          </marker>
        </defs>
        {layout.edges.map((one) => (
          <path
            key={`${one.edge.caller} ${one.edge.callee} ${one.edge.kind}`}
            class={`map-edge map-${one.edge.kind === "messaging" ? "dashed" : "solid"} ${one.edge.error_rate >= 0.01 ? "map-edge-bad" : ""} ${dim(one.edge.caller === focus || one.edge.callee === focus)}`}
            d={one.path}
            stroke-width={1 + Math.min(3, Math.log10(one.edge.requests + 1) / 2)}
            marker-end="url(#arrow)"
          >
            <title>
              {visibleLine(
                `${one.edge.caller} → ${one.edge.callee} (${one.edge.kind}): ${formatCount(one.edge.requests)} calls, ${formatShare(one.edge.error_rate)} failed, p95 ${formatDuration(one.edge.p95_ns)}`,
              )}
            </title>
          </path>
        ))}
        {layout.nodes.map((node) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: hovering only dims; the link inside is what acts
          <g
            key={node.service}
            class={`map-node service-${palette.colourOf(node.service)} ${dim(near.has(node.service))}`}
            transform={`translate(${node.x} ${node.y})`}
            onMouseEnter={() => setHovered(node.service)}
            onMouseLeave={() => setHovered(null)}
            onFocusIn={() => setHovered(node.service)}
            onFocusOut={() => setHovered(null)}
            onDblClick={() => update({ focus: node.service }, "replace")}
          >
            <NodeBox service={node.service} numbers={numbers.get(node.service)} />
          </g>
        ))}
      </svg>
      <p class="hint">Thickness: number of calls. Red: at least 1 % fail. Dashed: over a queue.</p>
    </section>
  );
}

function NodeBox({ service, numbers }: { service: string; numbers: ServiceSummary | undefined }) {
  const href = useHref();
  const failing = (numbers?.error_rate ?? 0) >= 0.01;
  return (
    <a href={href(servicePath(service))} aria-label={visibleLine(service)}>
      <rect width={NODE_WIDTH} height={NODE_HEIGHT} rx="6" />
      <rect class="map-stripe" width="4" height={NODE_HEIGHT} rx="2" />
      <text x="14" y="18" class="map-name">
        {visibleLine(service.length > NAME_ROOM ? `${clip(service, NAME_ROOM - 1)}…` : service)}
        <title>{visibleLine(service)}</title>
      </text>
      <text x="14" y="34" class={`map-numbers ${failing ? "map-bad" : ""}`}>
        {numbers
          ? `${formatRate(numbers.rate_per_second)}/s · ${formatShare(numbers.error_rate)} · ${formatDuration(numbers.p95_ns)}`
          : "not instrumented"}
      </text>
    </a>
  );
}

function EdgeTable({ edges }: { edges: Dependency[] }) {
  return (
    <section class="card">
      <h2>Connections</h2>
      <div class="table-box">
        <table class="table">
          <TableHead
            columns={[
              "Caller",
              "Callee",
              "Over",
              { number: "Calls" },
              { number: "Errors" },
              { number: "p50" },
              { number: "p95" },
            ]}
          />
          <tbody>
            {edges.map((edge) => (
              <tr key={`${edge.caller} ${edge.callee} ${edge.kind}`}>
                <td>
                  <ServiceName service={edge.caller} link />
                </td>
                <td>
                  <ServiceName service={edge.callee} link />
                </td>
                <td class="muted">{edge.kind}</td>
                <td class="number">{formatCount(edge.requests)}</td>
                <td class={`number ${edge.errors > 0 ? "bad" : "muted"}`}>{formatShare(edge.error_rate)}</td>
                <td class="number">{formatDuration(edge.p50_ns)}</td>
                <td class="number">{formatDuration(edge.p95_ns)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
