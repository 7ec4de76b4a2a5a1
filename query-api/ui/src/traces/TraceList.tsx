import type { TraceSummary } from "../api/types";
import { tracePath, useHref } from "../app/place";
import { usePreferences } from "../app/preferences";
import { ServiceName } from "../parts/Service";
import { Text } from "../parts/Text";
import { useListKeys } from "../parts/useListKeys";
import { groupDigits, plural } from "../text/numbers";
import { formatAgo, formatDuration, formatTime } from "../time/nanos";
import { barScale } from "./scale";

const MOST_CHIPS = 6;

/** Found traces; bars compare their durations. */
export function TraceList({ traces, busy }: { traces: TraceSummary[]; busy: boolean }) {
  const scale = barScale(traces.map((trace) => trace.duration_ns));
  const list = useListKeys<HTMLOListElement>();
  return (
    <ol class={`trace-list ${busy ? "busy" : ""}`} ref={list}>
      {traces.map((trace) => (
        <li key={trace.trace_id}>
          <TraceItem trace={trace} scale={scale} />
        </li>
      ))}
    </ol>
  );
}

interface TraceItemProps {
  trace: TraceSummary;
  /** Duration of a full bar. */
  scale: number;
}

function TraceItem({ trace, scale }: TraceItemProps) {
  const { zone } = usePreferences();
  const href = useHref();
  const start = BigInt(trace.start_unix_nano);
  return (
    <a
      data-row
      class={`trace-item ${trace.error_count > 0 ? "trace-failed" : ""}`}
      href={href(tracePath(trace.trace_id))}
    >
      <span class="trace-item-name">
        <ServiceName service={trace.service} />
        <strong>
          <Text>{trace.name || "(no name)"}</Text>
        </strong>
        {trace.root_missing && <span class="tag tag-warn">root not received</span>}
        {trace.error_count > 0 && <span class="tag status-error">{plural(trace.error_count, "error")}</span>}
      </span>
      <span class="trace-item-time" title={formatTime(start, zone, 9)}>
        {formatTime(start, zone, 3)} <span class="muted">{formatAgo(start, Date.now())}</span>
      </span>
      <span class="trace-item-bar">
        <span class={`meter ${trace.duration_ns > scale ? "meter-over" : ""}`} aria-hidden="true">
          <span style={{ width: `${Math.min(100, Math.max(0.4, (trace.duration_ns / scale) * 100))}%` }} />
        </span>
        <span class="trace-item-duration">{formatDuration(trace.duration_ns)}</span>
      </span>
      <span class="trace-item-services">
        <span class="muted">{plural(trace.span_count, "span")}</span>
        {trace.services.slice(0, MOST_CHIPS).map((one) => (
          <span key={one.service} class={one.errors > 0 ? "chip chip-error" : "chip"}>
            <ServiceName service={one.service} /> {groupDigits(one.spans)}
          </span>
        ))}
        {trace.services.length > MOST_CHIPS && (
          <span class="chip">+{trace.services.length - MOST_CHIPS}</span>
        )}
      </span>
    </a>
  );
}
