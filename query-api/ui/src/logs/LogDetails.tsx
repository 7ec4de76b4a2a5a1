import type { Json, LogRecord } from "../api/types";
import { correlationPath, tracePath, useHref } from "../app/place";
import { usePreferences } from "../app/preferences";
import { AttributeTable } from "../parts/AttributeTable";
import { CopyButton } from "../parts/CopyButton";
import { Icon } from "../parts/Icon";
import { ServiceName } from "../parts/Service";
import { LongText, Text } from "../parts/Text";
import { queryTerm } from "../text/query";
import { civilTime, formatTime } from "../time/nanos";

interface LogDetailsProps {
  log: LogRecord;
  /** Off inside the trace that the record belongs to. */
  traceLink?: boolean;
  /** Adds a condition to the page's query; without it there are no filter buttons. */
  onFilter?: (term: string, exclude: boolean) => void;
}

export function LogDetails({ log, traceLink = true, onFilter }: LogDetailsProps) {
  const { zone } = usePreferences();
  const href = useHref();
  const time = BigInt(log.time_unix_nano);
  const filters = (prefix: string) => (key: string, value: Json) =>
    onFilter && <FilterButtons term={queryTerm(prefix + key, value)} onFilter={onFilter} />;
  return (
    <div class="log-details">
      <div class="log-body">
        <LongText text={log.body_structured ? pretty(log.body) : log.body} first={4000} />
        <CopyButton text={log.body} label="body" />
      </div>
      <dl class="pairs">
        <dt>Time</dt>
        <dd>
          {formatTime(time, zone, 9)} <span class="muted">{civilTime(time, zone).zone}</span>
          <CopyButton text={log.time_unix_nano} label="time in unix nanoseconds" />
        </dd>
        <dt>Service</dt>
        <dd>
          <ServiceName service={log.service} link />
          {onFilter && <FilterButtons term={queryTerm("service", log.service)} onFilter={onFilter} />}
        </dd>
        <dt>Severity</dt>
        <dd>
          <span class={`severity-${log.severity}`}>
            <span class="severity-tag">{log.severity}</span>
          </span>{" "}
          <span class="muted">
            <Text>{log.severity_text}</Text> {log.severity_number}
          </span>
        </dd>
        {log.event_name && (
          <>
            <dt>Event</dt>
            <dd>
              <Text>{log.event_name}</Text>
            </dd>
          </>
        )}
        {log.trace_id && (
          <>
            <dt>Trace</dt>
            <dd class="id">
              {traceLink ? (
                <a href={href(tracePath(log.trace_id), { span: log.span_id || null })}>
                  <code>{log.trace_id}</code>
                </a>
              ) : (
                <code>{log.trace_id}</code>
              )}
              <CopyButton text={log.trace_id} label="trace id" />
            </dd>
          </>
        )}
        {log.span_id && (
          <>
            <dt>Span</dt>
            <dd class="id">
              <code>{log.span_id}</code>
              <CopyButton text={log.span_id} label="span id" />
            </dd>
          </>
        )}
        {log.correlation_id && (
          <>
            <dt>Correlation</dt>
            <dd class="id">
              <a href={href(correlationPath(log.correlation_id))}>
                <Text>{log.correlation_id}</Text>
              </a>
              <CopyButton text={log.correlation_id} label="correlation id" />
            </dd>
          </>
        )}
        {log.scope_name && (
          <>
            <dt>Scope</dt>
            <dd>
              <Text>{log.scope_name}</Text>
            </dd>
          </>
        )}
      </dl>
      <h3>Attributes</h3>
      <AttributeTable attributes={log.attributes} actions={filters("")} />
      <details class="section">
        <summary>
          Resource <span class="muted">{Object.keys(log.resource).length}</span>
        </summary>
        <AttributeTable attributes={log.resource} actions={filters("resource.")} />
      </details>
    </div>
  );
}

/** Indented JSON; left alone when it holds integers that JavaScript would round. */
function pretty(body: string): string {
  if (/\d{16,}/.test(body)) return body;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

function FilterButtons({
  term,
  onFilter,
}: {
  term: string | null;
  onFilter: (term: string, exclude: boolean) => void;
}) {
  if (term === null) return null;
  return (
    <span class="filters">
      <button
        type="button"
        class="copy"
        aria-label={`Only ${term}`}
        title={`Only ${term}`}
        onClick={() => onFilter(term, false)}
      >
        <Icon name="plus" />
      </button>
      <button
        type="button"
        class="copy"
        aria-label={`Without ${term}`}
        title={`Without ${term}`}
        onClick={() => onFilter(term, true)}
      >
        <Icon name="minus" />
      </button>
    </span>
  );
}
