/** The JSON shapes of /api/v1. Times ending in `_unix_nano` are decimal strings of nanoseconds. */

export type Verdict = "complete" | "late" | "truncated" | "orphans" | "sampled" | "unknown";

export interface Completeness {
  verdict: Verdict;
  watermark: string | null;
  lag_seconds: number;
  in_flight_messages: number;
  truncated: boolean;
  orphans: number;
  quarantined: number;
  dead_letters: number;
  missing_messages: number;
  reasons: string[];
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  completeness: Completeness;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Attributes = Record<string, Json>;

interface Red {
  errors: number;
  error_rate: number;
  p50_ns: number | null;
  p95_ns: number | null;
  p99_ns: number | null;
}

export interface ServiceSummary extends Red {
  service: string;
  requests: number;
  rate_per_second: number;
  spans: number;
  logs: number;
  last_seen: string | null;
  sparkline: number[];
}

export interface ServiceDetail extends Omit<ServiceSummary, "sparkline"> {
  operations_count: number;
  attributes: Attributes;
  completeness: Completeness;
}

export interface Operation extends Red {
  operation: string;
  kind: string;
  count: number;
  exemplar_trace_id: string | null;
  error_trace_id: string | null;
}

export interface SignalPoint {
  time: string;
  requests: number;
  errors: number;
  p50_ns: number | null;
  p95_ns: number | null;
  p99_ns: number | null;
  exemplar_trace_id: string | null;
  error_trace_id: string | null;
}

export interface ServiceSignals {
  service: string;
  operation: string | null;
  step_seconds: number;
  series: SignalPoint[];
  completeness: Completeness;
}

export interface ServiceShare {
  service: string;
  spans: number;
  errors: number;
}

export interface TraceSummary {
  trace_id: string;
  service: string;
  name: string;
  start_unix_nano: string;
  duration_ns: number;
  span_count: number;
  error_count: number;
  services: ServiceShare[];
  root_missing: boolean;
}

export type SpanStatus = "ok" | "error" | "unset";

export interface Span {
  span_id: string;
  parent_span_id: string;
  service: string;
  name: string;
  kind: string;
  start_unix_nano: string;
  duration_ns: number;
  status: SpanStatus;
  status_message?: string;
  attributes?: Attributes;
  event_count: number;
  link_count: number;
  has_exception: boolean;
}

export interface Trace {
  trace_id: string;
  start_unix_nano: string;
  end_unix_nano: string;
  duration_ns: number;
  span_count: number;
  error_count: number;
  log_count: number;
  services: ServiceShare[];
  details: "full" | "skeleton";
  correlation_ids: string[];
  spans: Span[];
  completeness: Completeness;
}

export interface SpanEvent {
  time_unix_nano: string;
  name: string;
  attributes: Attributes;
  dropped_attributes_count: number;
}

export interface SpanLink {
  trace_id: string;
  span_id: string;
  trace_state: string;
  attributes: Attributes;
  flags: number;
  dropped_attributes_count: number;
}

export interface SpanDetail extends Span {
  trace_id: string;
  trace_state: string;
  flags: number;
  end_unix_nano: string;
  attributes: Attributes;
  resource: { attributes: Attributes; schema_url: string; dropped_attributes_count: number };
  scope: {
    name: string;
    version: string;
    attributes: Attributes;
    schema_url: string;
    dropped_attributes_count: number;
  };
  events: SpanEvent[];
  links: SpanLink[];
  dropped_attributes_count: number;
  dropped_events_count: number;
  dropped_links_count: number;
  warnings: string[];
  correlation_id: string;
}

export type Severity = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "unspecified";

export interface LogRecord {
  id: string;
  time_unix_nano: string;
  observed_time_unix_nano: string;
  service: string;
  severity: Severity;
  severity_text: string;
  severity_number: number;
  body: string;
  body_structured: boolean;
  event_name: string;
  trace_id: string;
  span_id: string;
  correlation_id: string;
  attributes: Attributes;
  resource: Attributes;
  scope_name: string;
  flags: number;
}

export type HistogramBucket = { time: string; total: number } & Record<Severity, number>;

export interface LogHistogram {
  step_seconds: number;
  items: HistogramBucket[];
  total: number;
  completeness: Completeness;
}

export interface JourneyItem {
  kind: "span" | "log" | "dead_letter";
  time: string;
  time_unix_nano: string;
  service: string;
  trace_id: string;
  span_id: string;
  name?: string;
  body?: string;
  severity?: Severity;
  status?: SpanStatus;
  duration_ns?: number;
  span_kind?: string;
  attributes: Attributes;
}

export interface Correlation {
  id: string;
  matched: "correlation_id" | "trace_id" | "both";
  start_unix_nano: string;
  end_unix_nano: string;
  duration_ns: number;
  span_count: number;
  log_count: number;
  error_count: number;
  trace_ids: string[];
  services: { service: string; spans: number; logs: number; errors: number }[];
  items: JourneyItem[];
  next_cursor: string | null;
  completeness: Completeness;
}

export interface Dependency {
  caller: string;
  callee: string;
  kind: string;
  requests: number;
  errors: number;
  error_rate: number;
  p50_ns: number | null;
  p95_ns: number | null;
}

export interface AttributeKey {
  key: string;
  scope: "resource" | "scope" | "record";
  types: string;
  count: number;
}

export interface QuarantinedRecord {
  time: string;
  received: string;
  signal: string;
  reason: string;
  service: string;
  name: string;
  topic: string;
  partition: number;
  offset: number;
  record: string;
}

export interface Drop {
  hop: "sdk" | "collector" | "bus" | "operator";
  reason: string;
  records: number;
}

export interface LedgerRow {
  service: string;
  signal: string;
  created: number;
  accepted: number;
  stored: number;
  sampled_out: number;
  dropped: number;
  quarantined: number;
  dead_lettered: number;
  in_flight: number;
  unexplained: number;
  missing_messages: number;
  pending_messages: number;
  duplicated_records: number;
  dropped_by: Drop[];
  counted_by: "sdk" | "collector";
}

export interface Ledger extends Page<LedgerRow> {
  balanced: boolean;
  settled: string | null;
}

export interface Gap {
  signal: string;
  origin: string;
  first_seq: number;
  last_seq: number;
  messages: number;
  state: "missing" | "pending" | "unacknowledged";
  after: string;
  before: string;
}

export interface OriginRow {
  origin: string;
  signal: string;
  accepted: number | null;
  forwarded: number | null;
  rejected: number | null;
  returned: number | null;
  arrived: number;
  stored: number;
  quarantined: number;
  messages: number;
  duplicate_messages: number;
  missing_messages: number;
  pending_messages: number;
  first_seq: number;
  last_seq: number;
  last_received: string | null;
}

export interface Alert {
  id: string;
  name: string;
  severity: "critical" | "warning";
  summary: string;
  detail: string;
  signal: string;
  service: string;
  value: number;
  link: string;
}

export interface ComponentStatus {
  component: string;
  instance: string;
  version: string;
  state: string;
  reason: string;
  store_breaker: string;
  bus_breaker: string;
  started: string;
  reported: string;
  silent: boolean;
}

export interface PartitionStatus {
  topic: string;
  partition: number;
  instance: string;
  state: string;
  reason: string;
  lag_messages: number;
  lag_seconds: number;
  oldest_uncommitted_seconds: number;
  freshness_seconds: number | null;
  store_delay_seconds: number;
  gaps_skipped: number;
  dead_lettered: number;
  silent: boolean;
}

export interface Status {
  version: string;
  mode: string;
  started: string;
  ready: boolean;
  signals: {
    signal: string;
    watermark: string | null;
    lag_messages: number;
    lag_seconds: number;
    freshness_seconds: number | null;
  }[];
  components: ComponentStatus[];
  partitions: PartitionStatus[];
  alerts: Alert[];
  store: { engine_version: string; rows: Record<string, number>; bytes_on_disk: number };
  bus: Record<string, Json>;
}
