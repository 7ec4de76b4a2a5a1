import { useState } from "preact/hooks";
import type { Attributes, LogRecord, SpanEvent, SpanLink } from "../api/types";
import type { Pages } from "../api/useResource";
import { tracePath, useHref } from "../app/place";
import { LogDetails } from "../logs/LogDetails";
import { AttributeTable } from "../parts/AttributeTable";
import { CopyButton } from "../parts/CopyButton";
import { Failure, Loading } from "../parts/states";
import { LongText, Text } from "../parts/Text";
import { visible } from "../text/visible";
import { formatDuration, offsetFrom } from "../time/nanos";

export function EventList({ events, start }: { events: SpanEvent[]; start: bigint }) {
  return (
    <ol class="events">
      {events.map((event, index) => (
        <li
          key={`${event.time_unix_nano}-${index}`}
          class={event.name === "exception" ? "event-exception" : ""}
        >
          <p class="event-head">
            <span class="event-time">+{formatDuration(offsetFrom(start, event.time_unix_nano))}</span>
            <strong>
              <Text>{event.name || "(no name)"}</Text>
            </strong>
          </p>
          <EventBody attributes={event.attributes} />
          {event.dropped_attributes_count > 0 && (
            <p class="hint">{event.dropped_attributes_count} attributes were dropped by the SDK.</p>
          )}
        </li>
      ))}
    </ol>
  );
}

/** An exception reads as type, message and stack; whatever else there is follows as a table. */
function EventBody({ attributes }: { attributes: Attributes }) {
  const {
    "exception.type": type,
    "exception.message": message,
    "exception.stacktrace": stack,
    ...rest
  } = attributes;
  return (
    <>
      {typeof type === "string" && (
        <p class="exception-type">
          <Text>{type}</Text>
        </p>
      )}
      {typeof message === "string" && message !== "" && (
        <div class="exception-message">
          <LongText text={message} />
        </div>
      )}
      {typeof stack === "string" && <StackTrace text={stack} />}
      {Object.keys(rest).length > 0 && <AttributeTable attributes={rest} />}
    </>
  );
}

/** In full: the cause of a chained exception stands at the end. */
function StackTrace({ text }: { text: string }) {
  const [wrap, setWrap] = useState(false);
  return (
    <div class="stack">
      <div class="stack-actions">
        <button type="button" class="link-button" aria-pressed={wrap} onClick={() => setWrap(!wrap)}>
          {wrap ? "do not wrap" : "wrap lines"}
        </button>
        <CopyButton text={text} label="stack trace" />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling box must be reachable by keyboard */}
      <pre class={wrap ? "wrap" : ""} tabIndex={0}>
        {visible(text)}
      </pre>
    </div>
  );
}

export function LinkList({ links }: { links: SpanLink[] }) {
  const href = useHref();
  return (
    <ul class="links">
      {links.map((link, index) => (
        <li key={`${link.trace_id}-${link.span_id}-${index}`}>
          <p class="id">
            <a href={href(tracePath(link.trace_id), { span: link.span_id })}>
              trace <code>{link.trace_id.slice(0, 12)}…</code> span <code>{link.span_id}</code>
            </a>
            <CopyButton text={link.trace_id} label="trace id" />
          </p>
          {link.trace_state && (
            <p class="hint">
              state <Text>{link.trace_state}</Text>
            </p>
          )}
          {Object.keys(link.attributes).length > 0 && <AttributeTable attributes={link.attributes} />}
        </li>
      ))}
    </ul>
  );
}

export function SpanLogs({ pages, start }: { pages: Pages<LogRecord>; start: bigint }) {
  if (pages.error) return <Failure error={pages.error} what="the logs of this span" retry={pages.reload} />;
  if (!pages.first) return <Loading what="logs" />;
  if (pages.items.length === 0) return <p class="hint">This span wrote no log lines.</p>;
  return (
    <>
      <ul class="span-logs">
        {pages.items.map((log) => (
          <li key={log.id} class={`severity-${log.severity}`}>
            <details>
              <summary>
                <span class="event-time">+{formatDuration(offsetFrom(start, log.time_unix_nano))}</span>
                <span class="severity-tag">{log.severity === "unspecified" ? "log" : log.severity}</span>
                <Text>{log.body || log.event_name || "(no body)"}</Text>
              </summary>
              <LogDetails log={log} traceLink={false} />
            </details>
          </li>
        ))}
      </ul>
      {pages.hasMore && (
        <button type="button" onClick={pages.loadMore} disabled={pages.loading}>
          Load more
        </button>
      )}
    </>
  );
}
