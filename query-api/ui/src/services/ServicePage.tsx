import { apiPath } from "../api/client";
import type { ServiceDetail } from "../api/types";
import { useResource } from "../api/useResource";
import { servicePath, useHref, usePlace } from "../app/place";
import { AttributeTable } from "../parts/AttributeTable";
import { CompletenessBadge } from "../parts/Completeness";
import { ServiceName } from "../parts/Service";
import { Failure, Loading } from "../parts/states";
import { Text } from "../parts/Text";
import { useTitle } from "../parts/useTitle";
import { formatCount, formatRate, formatShare } from "../text/numbers";
import { formatAgo, formatDuration, parseNanos } from "../time/nanos";
import { useRange } from "../time/RangeContext";
import { Neighbours } from "./Neighbours";
import { OperationTable } from "./OperationTable";
import { SignalCharts } from "./SignalCharts";

export function ServicePage({ service }: { service: string }) {
  useTitle(service);
  const { params } = useRange();
  const { query, update } = usePlace();
  const href = useHref();
  const operation = query.get("operation");
  const detail = useResource<ServiceDetail>(apiPath(servicePath(service), params));
  const data = detail.data?.service === service ? detail.data : undefined;
  return (
    <>
      <div class="title-line">
        <h1>
          <ServiceName service={service} />
        </h1>
        <CompletenessBadge value={data?.completeness} />
        <nav class="title-links" aria-label="Of this service">
          <a href={href("/traces", { service, operation })}>Traces</a>
          <a href={href("/traces", { service, operation, status: "error" })}>Failed traces</a>
          <a href={href("/logs", { service })}>Logs</a>
        </nav>
      </div>
      {detail.error && <Failure error={detail.error} what="this service" retry={detail.reload} />}
      {!data && !detail.error && <Loading what="service" />}
      {data && <ServiceFacts detail={data} />}
      {operation && (
        <p class="active-filter">
          Charts show only <Text>{operation}</Text>
          <button type="button" class="link-button" onClick={() => update({ operation: null })}>
            show the whole service
          </button>
        </p>
      )}
      <SignalCharts service={service} operation={operation} />
      <OperationTable service={service} chosen={operation} />
      <Neighbours service={service} />
      {data && (
        <details class="section card">
          <summary>
            Resource attributes <span class="muted">of the newest span</span>
          </summary>
          <AttributeTable attributes={data.attributes} />
        </details>
      )}
    </>
  );
}

function ServiceFacts({ detail }: { detail: ServiceDetail }) {
  const href = useHref();
  const seen = detail.last_seen === null ? null : parseNanos(detail.last_seen);
  return (
    <dl class="facts">
      <div>
        <dt>Traffic</dt>
        <dd class="fact-strong">
          {formatRate(detail.rate_per_second)}
          <span class="unit">/s</span>
        </dd>
      </div>
      <div>
        <dt>Errors</dt>
        <dd class={`fact-strong ${detail.errors > 0 ? "bad" : ""}`}>{formatShare(detail.error_rate)}</dd>
      </div>
      <div>
        <dt>p50</dt>
        <dd class="fact-strong">{formatDuration(detail.p50_ns)}</dd>
      </div>
      <div>
        <dt>p95</dt>
        <dd class="fact-strong">{formatDuration(detail.p95_ns)}</dd>
      </div>
      <div>
        <dt>p99</dt>
        <dd class="fact-strong">{formatDuration(detail.p99_ns)}</dd>
      </div>
      <div>
        <dt>Requests</dt>
        <dd>{formatCount(detail.requests)}</dd>
      </div>
      <div>
        <dt>Log lines</dt>
        <dd>
          <a href={href("/logs", { service: detail.service })}>{formatCount(detail.logs)}</a>
        </dd>
      </div>
      <div>
        <dt>Last seen</dt>
        <dd>{seen === null ? "–" : formatAgo(seen, Date.now())}</dd>
      </div>
    </dl>
  );
}
