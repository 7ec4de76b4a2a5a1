import { useMemo } from "preact/hooks";
import { apiPath } from "../api/client";
import type { Completeness, Correlation, JourneyItem } from "../api/types";
import { usePages } from "../api/useResource";
import { usePalette } from "../app/palette";
import { correlationPath, tracePath, useHref, usePlace } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { CopyButton } from "../parts/CopyButton";
import { ErrorsFact, Fact, StartFact } from "../parts/Fact";
import { ServiceName } from "../parts/Service";
import { Empty, Failure, Loading } from "../parts/states";
import { Text } from "../parts/Text";
import { useTitle } from "../parts/useTitle";
import { groupDigits, plural } from "../text/numbers";
import { formatDuration } from "../time/nanos";
import { Journey } from "./Journey";

type CorrelationPageData = Correlation & { items: JourneyItem[]; completeness: Completeness };

const MATCHED: Record<Correlation["matched"], string> = {
  correlation_id: "correlation id",
  trace_id: "trace id",
  both: "correlation id and trace id",
};

export function CorrelationPage({ id }: { id: string }) {
  useTitle(`Correlation ${id}`);
  const pages = usePages<JourneyItem, CorrelationPageData>(apiPath(correlationPath(id), { limit: 500 }));
  const head = pages.first?.id === id ? pages.first : undefined;
  const failed = pages.error;
  if (failed && !head) return <Failure error={failed} what={`correlation ${id}`} retry={pages.reload} />;
  if (!head) return <Loading what="journey" />;
  return (
    <>
      <Head head={head} />
      <Filtered head={head} items={pages.items} />
      {failed && <Failure error={failed} what="more of this journey" />}
      {pages.hasMore && (
        <button type="button" class="load-more" onClick={pages.loadMore} disabled={pages.loading}>
          {pages.loading
            ? "Loading…"
            : `Load more: ${groupDigits(pages.items.length)} of ${groupDigits(head.span_count + head.log_count)} shown`}
        </button>
      )}
    </>
  );
}

const MOST_TRACES = 12;

function Head({ head }: { head: CorrelationPageData }) {
  const href = useHref();
  return (
    <header class="page-head">
      <div class="title-line">
        <h1>
          <span class="muted">Correlation</span> <Text>{head.id}</Text>
        </h1>
        <CopyButton text={head.id} label="id" />
        <CompletenessBadge value={head.completeness} />
      </div>
      <dl class="facts">
        <Fact name="From first to last" class="fact-strong">
          {formatDuration(head.duration_ns)}
        </Fact>
        <StartFact at={BigInt(head.start_unix_nano)} />
        <Fact name="Spans">{groupDigits(head.span_count)}</Fact>
        <Fact name="Log lines">{groupDigits(head.log_count)}</Fact>
        <ErrorsFact count={head.error_count} />
        <Fact name="Found as">{MATCHED[head.matched] ?? head.matched}</Fact>
        <Fact
          name={head.trace_ids.length === 1 ? "Trace" : `${groupDigits(head.trace_ids.length)} traces`}
          class="id-list"
        >
          {head.trace_ids.slice(0, MOST_TRACES).map((traceId) => (
            <a key={traceId} href={href(tracePath(traceId))} title={traceId}>
              <code>{head.trace_ids.length === 1 ? traceId : traceId.slice(0, 8)}</code>
            </a>
          ))}
          {head.trace_ids.length > MOST_TRACES &&
            `and ${groupDigits(head.trace_ids.length - MOST_TRACES)} more`}
        </Fact>
      </dl>
    </header>
  );
}

function Filtered({ head, items }: { head: CorrelationPageData; items: JourneyItem[] }) {
  const { query, update } = usePlace();
  const service = query.get("service") ?? "";
  const kind = query.get("kind") ?? "";
  const palette = usePalette();
  const colours = useMemo(() => palette.coloursOf(head.services.map((one) => one.service)), [palette, head]);
  const shown = items.filter(
    (item) =>
      (service === "" || item.service === service) &&
      (kind === "" || (kind === "error" ? isFailure(item) : item.kind === kind)),
  );
  const kinds: [string, string][] = [
    ["", "all"],
    ["span", "spans"],
    ["log", "log lines"],
    ["error", "errors"],
  ];
  return (
    <>
      <div class="toolbar journey-toolbar">
        <fieldset class="button-group">
          <legend class="visually-hidden">Kind</legend>
          {kinds.map(([value, label]) => (
            <button
              key={value}
              type="button"
              aria-pressed={kind === value}
              onClick={() => update({ kind: value }, "replace")}
            >
              {label}
            </button>
          ))}
        </fieldset>
        <ul class="service-chips" aria-label="Services">
          {head.services.map((one) => (
            <li key={one.service}>
              <button
                type="button"
                class="chip"
                aria-pressed={service === one.service}
                title={`${plural(one.spans, "span")}, ${plural(one.logs, "log line")}, ${plural(one.errors, "error")}`}
                onClick={() => update({ service: service === one.service ? null : one.service }, "replace")}
              >
                <ServiceName service={one.service} />{" "}
                <span class="muted">{groupDigits(one.spans + one.logs)}</span>
                {one.errors > 0 && <span class="bad"> {groupDigits(one.errors)} ✕</span>}
              </button>
            </li>
          ))}
        </ul>
      </div>
      {shown.length === 0 ? (
        <Empty title="Nothing matches these filters">
          <p>
            <button type="button" class="link-button" onClick={() => update({ service: null, kind: null })}>
              Show everything
            </button>
          </p>
        </Empty>
      ) : (
        <Journey head={head} items={shown} colours={colours} />
      )}
    </>
  );
}

function isFailure(item: JourneyItem): boolean {
  return item.kind === "span"
    ? item.status === "error"
    : item.severity === "error" || item.severity === "fatal";
}
