import type { Trace } from "../api/types";
import { correlationPath, useHref } from "../app/place";
import { CompletenessBadge } from "../parts/Completeness";
import { CopyButton } from "../parts/CopyButton";
import { ErrorsFact, Fact, StartFact } from "../parts/Fact";
import { Icon } from "../parts/Icon";
import { ServiceName } from "../parts/Service";
import { LongText, Text } from "../parts/Text";
import { groupDigits, plural } from "../text/numbers";
import { visibleLine } from "../text/visible";
import { formatDuration } from "../time/nanos";

interface HeaderProps {
  trace: Trace;
  reload: () => void;
}

const MOST_SERVICES = 12;

export function TraceHeader({ trace, reload }: HeaderProps) {
  const href = useHref();
  const root = trace.spans.find((span) => span.parent_span_id === "");
  const first = root ?? trace.spans[0];
  const shown = trace.spans.length;
  const services = trace.services.slice(0, MOST_SERVICES);
  return (
    <header class="trace-header">
      <div class="title-line">
        <h1>
          {first && <ServiceName service={first.service} />}{" "}
          <LongText text={visibleLine(first?.name || "(no spans)")} first={160} />
          {!root && <span class="tag tag-warn">root not received</span>}
        </h1>
        <CompletenessBadge value={trace.completeness} />
        <button type="button" class="icon-button" aria-label="Load this trace again" onClick={reload}>
          <Icon name="refresh" />
        </button>
      </div>
      <dl class="facts">
        <Fact name="Duration" class="fact-strong">
          {formatDuration(trace.duration_ns)}
        </Fact>
        <StartFact at={BigInt(trace.start_unix_nano)} />
        <Fact name="Spans">{groupDigits(trace.span_count)}</Fact>
        <ErrorsFact count={trace.error_count} />
        <Fact name="Log lines">
          {trace.log_count > 0 ? (
            <a href={href("/logs", { trace_id: trace.trace_id })}>{groupDigits(trace.log_count)}</a>
          ) : (
            "0"
          )}
        </Fact>
        <Fact name="Trace id" class="id">
          <code>{trace.trace_id}</code>
          <CopyButton text={trace.trace_id} label="trace id" />
        </Fact>
        {trace.correlation_ids.length > 0 && (
          <Fact name="Correlation" class="id">
            {trace.correlation_ids.slice(0, 3).map((id) => (
              <span key={id}>
                <a href={href(correlationPath(id))}>
                  <Text>{id}</Text>
                </a>
                <CopyButton text={id} label="correlation id" />
              </span>
            ))}
            {trace.correlation_ids.length > 3 && `and ${trace.correlation_ids.length - 3} more`}
          </Fact>
        )}
      </dl>
      <ul class="service-chips" aria-label="Services">
        {services.map((one) => (
          <li key={one.service}>
            <ServiceName service={one.service} link /> <span class="muted">{groupDigits(one.spans)}</span>
            {one.errors > 0 && (
              <span class="bad" title={plural(one.errors, "error")}>
                {" "}
                {groupDigits(one.errors)} ✕
              </span>
            )}
          </li>
        ))}
        {trace.services.length > MOST_SERVICES && (
          <li class="muted">
            and {plural(trace.services.length - MOST_SERVICES, "more service", "more services")}
          </li>
        )}
      </ul>
      {shown < trace.span_count && (
        <p class="notice" role="status">
          Showing {groupDigits(shown)} of {plural(trace.span_count, "span")}: the earliest ones. The totals
          above count all of them.
        </p>
      )}
    </header>
  );
}
