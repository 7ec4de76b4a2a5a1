import { useMemo, useState } from "preact/hooks";
import { apiPath } from "../api/client";
import type { ServiceSummary } from "../api/types";
import { usePages } from "../api/useResource";
import { servicePath, useHref, usePlace } from "../app/place";
import { SearchBox } from "../app/SearchBox";
import { Sparkline } from "../charts/Sparkline";
import { CompletenessBadge } from "../parts/Completeness";
import { ServiceName } from "../parts/Service";
import { Empty, Failure, Loading } from "../parts/states";
import { useListKeys } from "../parts/useListKeys";
import { useTitle } from "../parts/useTitle";
import { formatCount, formatRate, formatShare, plural } from "../text/numbers";
import { formatAgo, formatDuration, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";
import { SendData } from "./SendData";
import { COLUMNS, type ColumnKey, isColumn, sortedServices } from "./sorting";

export function ServicesPage() {
  useTitle("Services");
  const { params, range } = useRange();
  const services = usePages<ServiceSummary>(apiPath("/services", { ...params, limit: 500 }));
  return (
    <>
      <div class="hero">
        <SearchBox large />
      </div>
      <div class="title-line">
        <h1>Services</h1>
        {services.first && <span class="muted">{plural(services.items.length, "service")}</span>}
        <CompletenessBadge value={services.first?.completeness} />
      </div>
      {services.error && <Failure error={services.error} what="the services" retry={services.reload} />}
      {!services.first && !services.error && <Loading what="services" />}
      {services.first && services.items.length === 0 && (
        <Empty title="No services in this time range">
          {range.kind === "between" && <p>Choose a longer or a later time range above, or send something:</p>}
          <SendData />
        </Empty>
      )}
      {services.items.length > 0 && <ServiceTable services={services.items} busy={services.loading} />}
      {services.hasMore && (
        <button type="button" class="load-more" onClick={services.loadMore} disabled={services.loading}>
          Load more
        </button>
      )}
    </>
  );
}

function ServiceTable({ services, busy }: { services: ServiceSummary[]; busy: boolean }) {
  const { query, update } = usePlace();
  const [filter, setFilter] = useState(query.get("filter") ?? "");
  const sort = query.get("sort") ?? "-requests";
  const key = sort.replace(/^-/, "");
  const column: ColumnKey = isColumn(key) ? key : "requests";
  const descending = sort.startsWith("-");
  const rows = useMemo(
    () => sortedServices(services, filter, column, descending),
    [services, filter, column, descending],
  );
  const list = useListKeys<HTMLTableSectionElement>();
  const sortBy = (next: ColumnKey) => {
    const down = next === column ? !descending : next !== "service";
    update(
      { sort: `${down ? "-" : ""}${next}` === "-requests" ? null : `${down ? "-" : ""}${next}` },
      "replace",
    );
  };
  return (
    <>
      {services.length > 8 && (
        <input
          type="search"
          class="table-filter"
          placeholder="Filter services"
          aria-label="Filter services by name"
          value={filter}
          onInput={(event) => {
            setFilter(event.currentTarget.value);
            update({ filter: event.currentTarget.value }, "replace");
          }}
        />
      )}
      <div class="table-box">
        <table class={`table services-table ${busy ? "busy" : ""}`}>
          <thead>
            <tr>
              {COLUMNS.map((one) => (
                <th
                  key={one.key}
                  scope="col"
                  class={one.number ? "number" : ""}
                  aria-sort={one.key === column ? (descending ? "descending" : "ascending") : "none"}
                >
                  <button type="button" title={one.hint} onClick={() => sortBy(one.key)}>
                    {one.label}
                    <span aria-hidden="true">{one.key === column ? (descending ? " ↓" : " ↑") : ""}</span>
                  </button>
                </th>
              ))}
              <th scope="col">Requests over time</th>
            </tr>
          </thead>
          <tbody ref={list}>
            {rows.map((service) => (
              <ServiceRow key={service.service} service={service} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function ServiceRow({ service }: { service: ServiceSummary }) {
  const href = useHref();
  const seen = service.last_seen === null ? null : parseNanos(service.last_seen);
  return (
    <tr>
      <th scope="row">
        <a data-row href={href(servicePath(service.service))}>
          <ServiceName service={service.service} />
        </a>
      </th>
      <td class="number">
        {formatRate(service.rate_per_second)}
        <span class="unit">/s</span>
      </td>
      <td class="number">
        {service.errors > 0 ? (
          <a class="bad" href={href("/traces", { service: service.service, status: "error" })}>
            {formatShare(service.error_rate)}
          </a>
        ) : (
          <span class="muted">0 %</span>
        )}
      </td>
      <td class="number">{formatDuration(service.p50_ns)}</td>
      <td class="number">{formatDuration(service.p95_ns)}</td>
      <td class="number">{formatDuration(service.p99_ns)}</td>
      <td class="number">
        <a href={href("/traces", { service: service.service })}>{formatCount(service.spans)}</a>
      </td>
      <td class="number">
        <a href={href("/logs", { service: service.service })}>{formatCount(service.logs)}</a>
      </td>
      <td class="number">{seen === null ? "–" : formatAgo(seen, Date.now())}</td>
      <td>
        <Sparkline values={service.sparkline} label={`${formatCount(service.requests)} requests`} />
      </td>
    </tr>
  );
}
