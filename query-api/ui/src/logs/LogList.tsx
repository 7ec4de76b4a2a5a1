import { useState } from "preact/hooks";
import type { LogRecord } from "../api/types";
import { correlationPath, tracePath, useHref } from "../app/place";
import { usePreferences } from "../app/preferences";
import { memo } from "../parts/memo";
import { ServiceName } from "../parts/Service";
import { Text } from "../parts/Text";
import { useListKeys } from "../parts/useListKeys";
import { civilTime, formatTime } from "../time/nanos";
import { LogDetails } from "./LogDetails";

interface LogListProps {
  logs: LogRecord[];
  busy: boolean;
  ascending: boolean;
  onOrder: () => void;
  onFilter: (term: string, exclude: boolean) => void;
}

/** Log lines, each of which opens to everything it carries. */
export function LogList({ logs, busy, ascending, onOrder, onFilter }: LogListProps) {
  const { zone } = usePreferences();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const list = useListKeys<HTMLOListElement>();
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  const first = logs[0];
  return (
    <div class={`log-list ${busy ? "busy" : ""}`}>
      <div class="log-columns">
        <button type="button" class="link-button" onClick={onOrder}>
          Time{first && `, ${civilTime(BigInt(first.time_unix_nano), zone).zone}`} {ascending ? "↑" : "↓"}
        </button>
        <span>Severity</span>
        <span>Service</span>
        <span>Message</span>
      </div>
      <ol ref={list}>
        {logs.map((log) => (
          <li key={log.id} class={`severity-${log.severity}`}>
            <LogLine log={log} open={open.has(log.id)} toggle={() => toggle(log.id)} />
            {open.has(log.id) && (
              <div class="log-open">
                <LogLinks log={log} />
                <LogDetails log={log} onFilter={onFilter} />
              </div>
            )}
          </li>
        ))}
      </ol>
    </div>
  );
}

function LogLine({ log, open, toggle }: { log: LogRecord; open: boolean; toggle: () => void }) {
  const { zone } = usePreferences();
  const time = BigInt(log.time_unix_nano);
  return (
    <button type="button" data-row class="log-line" aria-expanded={open} onClick={toggle}>
      <time title={formatTime(time, zone, 9)}>{formatTime(time, zone, 3)}</time>
      <span class="severity-tag">
        {log.severity === "unspecified" ? log.severity_text || "–" : log.severity}
      </span>
      <ServiceName service={log.service} />
      <LogMessage body={log.body} event={log.event_name} />
    </button>
  );
}

const LogMessage = memo(function LogMessage({ body, event }: { body: string; event: string }) {
  return (
    <span class="log-message">
      {event && (
        <span class="tag">
          <Text>{event}</Text>
        </span>
      )}
      <Text>{body || (event ? "" : "(no body)")}</Text>
    </span>
  );
});

function LogLinks({ log }: { log: LogRecord }) {
  const href = useHref();
  if (!log.trace_id && !log.correlation_id) return null;
  return (
    <p class="log-links">
      {log.trace_id && (
        <a href={href(tracePath(log.trace_id), { span: log.span_id || null })}>Open its trace</a>
      )}
      {log.correlation_id && (
        <a href={href(correlationPath(log.correlation_id))}>Everything of its correlation id</a>
      )}
      {!log.correlation_id && log.trace_id && (
        <a href={href(correlationPath(log.trace_id))}>Everything of its trace</a>
      )}
    </p>
  );
}
