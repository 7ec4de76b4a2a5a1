import { useState } from "preact/hooks";
import type { Correlation, JourneyItem } from "../api/types";
import { tracePath, useHref } from "../app/place";
import { AttributeTable } from "../parts/AttributeTable";
import { ServiceName } from "../parts/Service";
import { LongText, Text } from "../parts/Text";
import { useListKeys } from "../parts/useListKeys";
import { formatDuration, offsetFrom } from "../time/nanos";
import { barOf } from "../trace/view";

interface JourneyProps {
  head: Correlation;
  items: JourneyItem[];
  colours: Map<string, number>;
}

const MOST_LANES = 16;

/** Spans and log lines of all services in time order, with a lane for each service. */
export function Journey({ head, items, colours }: JourneyProps) {
  const lanes = head.services.slice(0, MOST_LANES).map((one) => one.service);
  const base = BigInt(head.start_unix_nano);
  const list = useListKeys<HTMLOListElement>();
  return (
    <ol class="journey" ref={list}>
      {items.map((item, index) => (
        <Step
          key={`${item.kind}-${item.trace_id}-${item.span_id}-${item.time_unix_nano}-${index}`}
          item={item}
          base={base}
          whole={head.duration_ns}
          lanes={lanes}
          colours={colours}
          newTrace={index > 0 && item.trace_id !== items[index - 1]?.trace_id}
        />
      ))}
    </ol>
  );
}

interface StepProps {
  item: JourneyItem;
  base: bigint;
  whole: number;
  lanes: string[];
  colours: Map<string, number>;
  newTrace: boolean;
}

function Step({ item, base, whole, lanes, colours, newTrace }: StepProps) {
  const [open, setOpen] = useState(false);
  const offset = offsetFrom(base, item.time_unix_nano);
  const span = item.kind === "span";
  const bar = barOf(offset, item.duration_ns ?? 0, { from: 0, to: Math.max(1, whole) });
  const classes = [
    "step",
    span
      ? "step-span"
      : `step-log severity-${item.severity ?? (item.kind === "dead_letter" ? "error" : "unspecified")}`,
    item.status === "error" ? "step-failed" : "",
    newTrace ? "step-new-trace" : "",
    `service-${colours.get(item.service) ?? 0}`,
  ];
  return (
    <li class={classes.join(" ")}>
      <button type="button" data-row class="step-line" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="step-time">+{formatDuration(offset)}</span>
        <Lanes lanes={lanes} service={item.service} colours={colours} span={span} />
        <span class="step-service">
          <ServiceName service={item.service} />
        </span>
        <span class="step-what">
          {span ? (
            <span class="tag">{item.span_kind ?? "span"}</span>
          ) : (
            <span class="severity-tag">{labelOf(item)}</span>
          )}
          <Text>{(span ? item.name : item.body) || "(empty)"}</Text>
          {item.status === "error" && <span class="row-flag row-flag-error">error</span>}
        </span>
        <span class="step-bar" aria-hidden="true">
          <span
            class={span ? "bar" : "log-mark"}
            style={{ left: `${bar.left * 100}%`, ...(span ? { width: `${bar.width * 100}%` } : {}) }}
          />
        </span>
        <span class="step-duration">{span ? formatDuration(item.duration_ns) : ""}</span>
      </button>
      {open && <StepDetails item={item} />}
    </li>
  );
}

function labelOf(item: JourneyItem): string {
  if (item.kind === "dead_letter") return "dead letter";
  return item.severity === undefined || item.severity === "unspecified" ? "log" : item.severity;
}

interface LanesProps {
  lanes: string[];
  service: string;
  colours: Map<string, number>;
  span: boolean;
}

function Lanes({ lanes, service, colours, span }: LanesProps) {
  return (
    <span class="lanes" aria-hidden="true">
      {lanes.map((lane) => (
        <i
          key={lane}
          class={`service-${colours.get(lane) ?? 0} ${lane === service ? (span ? "lane-span" : "lane-log") : ""}`}
        />
      ))}
    </span>
  );
}

function StepDetails({ item }: { item: JourneyItem }) {
  const href = useHref();
  return (
    <div class="step-details">
      {item.trace_id && item.kind !== "dead_letter" && (
        <p class="log-links">
          <a href={href(tracePath(item.trace_id), { span: item.span_id || null })}>
            Open in trace <code>{item.trace_id.slice(0, 8)}</code>
          </a>
        </p>
      )}
      {item.kind === "dead_letter" && (
        <p class="log-links">
          <a
            href={href("/dead-letters", {
              group: String(item.attributes["dead_letter.group"] ?? ""),
              letter: String(item.attributes["dead_letter.id"] ?? ""),
            })}
          >
            Open the dead letter
          </a>
        </p>
      )}
      {item.kind !== "span" && item.body && (
        <div class="log-body">
          <LongText text={item.body} first={4000} />
        </div>
      )}
      <AttributeTable attributes={item.attributes} empty="no attributes" />
    </div>
  );
}
