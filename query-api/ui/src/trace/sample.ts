import type { LogRecord, Span } from "../api/types";
import { buildTree, type TraceTree } from "./tree";

/** Small traces for tests: times are nanoseconds after a fixed start. */
const BASE = 1_795_000_000_000_000_000n;

export function span(id: string, parent: string, start: number, duration = 10): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    service: "cart",
    name: `span ${id}`,
    kind: "internal",
    start_unix_nano: String(BASE + BigInt(start)),
    duration_ns: duration,
    status: "unset",
    event_count: 0,
    link_count: 0,
    has_exception: false,
  };
}

export function log(id: string, spanId: string, at: number): LogRecord {
  return {
    id,
    time_unix_nano: String(BASE + BigInt(at)),
    observed_time_unix_nano: "0",
    service: "cart",
    severity: "info",
    severity_text: "INFO",
    severity_number: 9,
    body: `log ${id}`,
    body_structured: false,
    event_name: "",
    trace_id: "",
    span_id: spanId,
    correlation_id: "",
    attributes: { "http.route": "/cart" },
    resource: {},
    scope_name: "",
    flags: 0,
  };
}

export function treeOf(spans: Span[], logs: LogRecord[] = []): TraceTree {
  return buildTree(BASE, spans, logs);
}
