import type { Trace } from "../api/types";
import { correlationPath, useHref } from "../app/place";
import { usePreferences } from "../app/preferences";
import { CompletenessBadge } from "../parts/Completeness";
import { CopyButton } from "../parts/CopyButton";
import { Icon } from "../parts/Icon";
import { ServiceName } from "../parts/Service";
import { LongText, Text } from "../parts/Text";
import { groupDigits, plural } from "../text/numbers";
import { visibleLine } from "../text/visible";
import { civilTime, formatDuration, formatTime } from "../time/nanos";

interface HeaderProps {
  trace: Trace;
  reload: () => void;
}

const MOST_SERVICES = 12;

export function TraceHeader({ trace, reload }: HeaderProps) {
  const { zone } = usePreferences();
  const href = useHref();
  const start = BigInt(trace.start_unix_nano);
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
        <div>
          <dt>Duration</dt>
          <dd class="fact-strong">{formatDuration(trace.duration_ns)}</dd>
        </div>
        <div>
          <dt>Start</dt>
          <dd>
            {formatTime(start, zone, 6)} <small>{civilTime(start, zone).zone}</small>
          </dd>
        </div>
        <div>
          <dt>Spans</dt>
          <dd>{groupDigits(trace.span_count)}</dd>
        </div>
        <div>
          <dt>Errors</dt>
          <dd class={trace.error_count > 0 ? "bad" : ""}>{groupDigits(trace.error_count)}</dd>
        </div>
        <div>
          <dt>Log lines</dt>
          <dd>
            {trace.log_count > 0 ? (
              <a href={href("/logs", { trace_id: trace.trace_id })}>{groupDigits(trace.log_count)}</a>
            ) : (
              "0"
            )}
          </dd>
        </div>
        <div>
          <dt>Trace id</dt>
          <dd class="id">
            <code>{trace.trace_id}</code>
            <CopyButton text={trace.trace_id} label="trace id" />
          </dd>
        </div>
        {trace.correlation_ids.length > 0 && (
          <div>
            <dt>Correlation</dt>
            <dd class="id">
              {trace.correlation_ids.slice(0, 3).map((id) => (
                <span key={id}>
                  <a href={href(correlationPath(id))}>
                    <Text>{id}</Text>
                  </a>
                  <CopyButton text={id} label="correlation id" />
                </span>
              ))}
              {trace.correlation_ids.length > 3 && `and ${trace.correlation_ids.length - 3} more`}
            </dd>
          </div>
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
