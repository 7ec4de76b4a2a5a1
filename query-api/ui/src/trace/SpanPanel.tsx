import type { ComponentChildren } from "preact";
import { apiPath } from "../api/client";
import type { Json, LogRecord, Span, SpanDetail } from "../api/types";
import { usePages, useResource } from "../api/useResource";
import { correlationPath, tracePath, useHref } from "../app/place";
import { AttributeTable } from "../parts/AttributeTable";
import { CopyButton } from "../parts/CopyButton";
import { ServiceName } from "../parts/Service";
import { Failure, Loading } from "../parts/states";
import { LongText, Text } from "../parts/Text";
import { groupDigits, plural } from "../text/numbers";
import { queryTerm } from "../text/query";
import { visibleLine } from "../text/visible";
import { formatDuration } from "../time/nanos";
import { rangeAround } from "../time/range";
import { EventList, LinkList, SpanLogs } from "./SpanParts";
import { SPAN, type TraceTree } from "./tree";

interface SpanPanelProps {
  traceId: string;
  spanId: string;
  /** What the trace already told; the rest is loaded. */
  known: Span | undefined;
  /** Nanoseconds after the start of the trace. */
  offset: number | null;
  tree: TraceTree;
  row: number;
  goTo: (row: number) => void;
}

export function SpanPanel(props: SpanPanelProps) {
  const { traceId, spanId, known } = props;
  const detail = useResource<SpanDetail>(`${tracePath(traceId)}/spans/${encodeURIComponent(spanId)}`, false);
  const span = detail.data ?? known;
  return (
    <>
      {span && <SpanHead {...props} span={span} detail={detail.data} />}
      {detail.error && <Failure error={detail.error} what="this span" retry={detail.reload} />}
      {!detail.data && !detail.error && known?.attributes && (
        <Section title="Attributes" count={Object.keys(known.attributes).length}>
          <AttributeTable attributes={known.attributes} />
        </Section>
      )}
      {!detail.data && !detail.error && <Loading what="span" />}
      {detail.data && <SpanBody span={detail.data} traceId={traceId} />}
    </>
  );
}

function SpanHead(props: SpanPanelProps & { span: Span; detail: SpanDetail | undefined }) {
  const { span, detail, offset, tree, row, goTo, traceId } = props;
  const href = useHref();
  const parent = row >= 0 ? (tree.parent[row] as number) : -1;
  const around = rangeAround(BigInt(span.start_unix_nano), Date.now());
  return (
    <header class="span-head">
      <h2>
        <LongText text={visibleLine(span.name || "(no name)")} first={240} />
      </h2>
      <p class="span-line">
        <ServiceName service={span.service} link />
        <span class="tag">{span.kind}</span>
        <span class={`tag status-${span.status}`}>{span.status}</span>
      </p>
      {span.status_message && (
        <div class="status-message">
          <LongText text={span.status_message} />
        </div>
      )}
      <dl class="pairs">
        <dt>Duration</dt>
        <dd>
          <strong>{formatDuration(span.duration_ns)}</strong>
          {row >= 0 && <span class="muted"> · {formatDuration(selfTime(tree, row))} itself</span>}
        </dd>
        <dt>Starts</dt>
        <dd>
          {offset === null ? "–" : `${formatDuration(offset)} after the start`}
          {detail && <CopyButton text={detail.start_unix_nano} label="start in unix nanoseconds" />}
        </dd>
        <dt>Span id</dt>
        <dd class="id">
          <code>{span.span_id}</code>
          <CopyButton text={span.span_id} label="span id" />
        </dd>
        <dt>Parent</dt>
        <dd class="id">
          {span.parent_span_id === "" ? (
            "none: a root"
          ) : (
            <button type="button" class="link-button" disabled={parent < 0} onClick={() => goTo(parent)}>
              <code>{span.parent_span_id}</code>
            </button>
          )}
        </dd>
        {detail?.correlation_id && (
          <>
            <dt>Correlation</dt>
            <dd class="id">
              <a href={href(correlationPath(detail.correlation_id))}>
                <Text>{detail.correlation_id}</Text>
              </a>
              <CopyButton text={detail.correlation_id} label="correlation id" />
            </dd>
          </>
        )}
      </dl>
      <p class="span-links">
        <a href={href("/logs", { trace_id: traceId, span_id: span.span_id })}>Its logs</a>
        <a href={href("/traces", { ...around, service: span.service, operation: span.name })}>More like it</a>
      </p>
    </header>
  );
}

/** Time in which none of the span's children ran; children may overlap and outlast it. */
function selfTime(tree: TraceTree, row: number): number {
  const start = tree.start[row] as number;
  const end = start + (tree.duration[row] as number);
  let covered = 0;
  let until = start;
  for (let child = row + 1; child < (tree.end[row] as number); child = tree.end[child] as number) {
    if (tree.kind[child] !== SPAN) continue;
    const from = Math.max(until, tree.start[child] as number);
    const to = Math.min(end, (tree.start[child] as number) + (tree.duration[child] as number));
    if (to > from) {
      covered += to - from;
      until = to;
    }
  }
  return Math.max(0, end - start - covered);
}

function SpanBody({ span, traceId }: { span: SpanDetail; traceId: string }) {
  const logs = usePages<LogRecord>(
    apiPath("/logs", { trace_id: traceId, span_id: span.span_id, limit: 100, order: "asc" }),
  );
  const start = BigInt(span.start_unix_nano);
  return (
    <>
      {span.warnings.length > 0 && (
        <ul class="warnings">
          {span.warnings.map((warning) => (
            <li key={warning}>
              <LongText text={warning} />
            </li>
          ))}
        </ul>
      )}
      <Section
        title="Attributes"
        count={Object.keys(span.attributes).length}
        dropped={span.dropped_attributes_count}
      >
        <AttributeTable
          attributes={span.attributes}
          actions={(key, value) => <FindLike field={key} value={value} at={start} />}
        />
      </Section>
      <Section title="Events" count={span.events.length} dropped={span.dropped_events_count}>
        <EventList events={span.events} start={start} />
      </Section>
      <Section title="Links" count={span.links.length} dropped={span.dropped_links_count}>
        <LinkList links={span.links} />
      </Section>
      <Section title="Logs" count={logs.first ? logs.items.length : null}>
        <SpanLogs pages={logs} start={start} />
      </Section>
      <Section
        title="Resource"
        count={Object.keys(span.resource.attributes).length}
        dropped={span.resource.dropped_attributes_count}
        closed
      >
        <AttributeTable
          attributes={span.resource.attributes}
          actions={(key, value) => <FindLike field={`resource.${key}`} value={value} at={start} />}
        />
        <SchemaUrl url={span.resource.schema_url} />
      </Section>
      <Section
        title="Scope"
        count={Object.keys(span.scope.attributes).length}
        dropped={span.scope.dropped_attributes_count}
        closed
      >
        <p>
          <Text>{span.scope.name || "(unnamed)"}</Text> <Text>{span.scope.version}</Text>
        </p>
        <AttributeTable attributes={span.scope.attributes} empty="no attributes" />
        <SchemaUrl url={span.scope.schema_url} />
      </Section>
      <Section title="Context" count={null} closed>
        <dl class="pairs">
          <dt>Flags</dt>
          <dd>0x{span.flags.toString(16).padStart(2, "0")}</dd>
          <dt>Trace state</dt>
          <dd>{span.trace_state ? <LongText text={span.trace_state} /> : "none"}</dd>
        </dl>
      </Section>
    </>
  );
}

function SchemaUrl({ url }: { url: string }) {
  if (!url) return null;
  return (
    <p class="hint">
      Schema <Text>{url}</Text>
    </p>
  );
}

/** Other traces with the same value. */
function FindLike({ field, value, at }: { field: string; value: Json; at: bigint }) {
  const href = useHref();
  const term = queryTerm(field, value);
  if (term === null) return null;
  return (
    <a
      class="attribute-find"
      href={href("/traces", { ...rangeAround(at, Date.now()), q: term })}
      title="Find traces with this value"
    >
      find
    </a>
  );
}

interface SectionProps {
  title: string;
  count: number | null;
  dropped?: number;
  closed?: boolean;
  children: ComponentChildren;
}

function Section({ title, count, dropped = 0, closed = false, children }: SectionProps) {
  if (count === 0 && dropped === 0) return null;
  return (
    <details class="section" open={!closed}>
      <summary>
        {title}
        {count !== null && <span class="muted"> {groupDigits(count)}</span>}
        {dropped > 0 && (
          <span class="tag tag-warn">{plural(dropped, "more was", "more were")} dropped by the SDK</span>
        )}
      </summary>
      {children}
    </details>
  );
}
