import type { LogRecord, TraceSummary } from "../src/api/types";
import {
  completeness,
  correlation,
  dependencies,
  histogram,
  iso,
  operations,
  services,
  signals,
  spanDetail,
} from "./answers.ts";
import { letterAnswer } from "./letters.ts";
import { BIG, DEEP, draftOf, HOSTILE, ORPHANS, traceAnswer } from "./traces.ts";

interface Answer {
  status: number;
  body: unknown;
}

const STARTED = BigInt(Date.now()) * 1_000_000n + 123_456n;
const EMPTY = process.env.FIXTURES === "empty";
const MANY = process.env.FIXTURES === "many";

function page(items: unknown[], next_cursor: string | null = null): Answer {
  return { status: 200, body: { items: EMPTY ? [] : items, next_cursor, completeness: completeness() } };
}

function problem(status: number, title: string, detail: string, position?: number): Answer {
  return { status, body: { type: "about:blank", title, status, detail, position } };
}

/** The answer to one request, by the contract of /api/v1. */
export function answer(url: URL): Answer {
  const [first = "", second, third, fourth] = url.pathname
    .replace("/api/v1/", "")
    .split("/")
    .map(decodeURIComponent);
  const query = url.searchParams;
  const now = BigInt(Date.now()) * 1_000_000n;
  const end = BigInt(query.get("end") ?? now);
  const start = BigInt(query.get("start") ?? end - 3_600_000_000_000n);
  if (query.get("q") === "bad(")
    return problem(400, "Bad query", 'expected a term after "(" but the query ends', 3);
  switch (first) {
    case "services":
      return second === undefined
        ? page(services(now, MANY))
        : serviceAnswer(second, third, query, start, end);
    case "traces":
      return second === undefined ? page(summaries(), "more") : traceAnswers(second, third, fourth, query);
    case "logs":
      if (second === "histogram") return { status: 200, body: histogram(start, end) };
      return page(logLines(query));
    case "correlations":
      return correlationAnswer(second ?? "");
    case "dependencies":
      return page(dependencies(MANY));
    case "attributes":
      return page(second === "values" ? attributeValues(query) : attributeKeys(query.get("prefix") ?? ""));
    case "dead-letters":
    case "redrives":
      return { status: 200, body: letterAnswer(first, second, now) };
    case "quarantine":
      return page([quarantined(now)]);
    case "ledger":
      if (second === "gaps") return page(gaps(now));
      return second === "origins" ? page(origins(now)) : { status: 200, body: ledger() };
    case "status":
      return { status: 200, body: status(now) };
    default:
      return problem(404, "Not Found", `there is no ${url.pathname}`);
  }
}

function serviceAnswer(
  service: string,
  part: string | undefined,
  query: URLSearchParams,
  start: bigint,
  end: bigint,
): Answer {
  if (part === "operations") return page(operations(service));
  if (part === "signals") return { status: 200, body: signals(service, query.get("operation"), start, end) };
  const found = services(end).find((one) => one.service === service);
  if (!found) return problem(404, "Unknown service", `no data of a service "${service}" in this time range`);
  const attributes = {
    "service.name": service,
    "service.version": "1.4.2",
    "host.name": "web-1",
    "process.pid": 4121,
  };
  return {
    status: 200,
    body: {
      ...found,
      operations_count: 6,
      attributes,
      completeness: completeness("late", 0, ["The newest 42 s are not stored yet."]),
    },
  };
}

function attributeKeys(prefix: string) {
  const keys = ["http.route", "http.request.method", "http.response.status_code", "user.id", "order.id"];
  const record = keys.map((key) => ({ key, scope: "record", types: "s", count: 9 }));
  const resource = ["host.name", "service.version"].map((key) => ({
    key,
    scope: "resource",
    types: "s",
    count: 5,
  }));
  return [...record, ...resource].filter((one) => one.key.startsWith(prefix));
}

function attributeValues(query: URLSearchParams) {
  const values =
    query.get("field") === "service" ? ["cart", "checkout"] : ["/cart", "/orders/{id}", "two words"];
  const prefix = (query.get("prefix") ?? "").toLowerCase();
  return values.filter((value) => value.startsWith(prefix)).map((value) => ({ value, count: 3 }));
}

function draft(traceId: string) {
  return draftOf(traceId, STARTED - 300_000_000_000n);
}

function traceAnswers(
  traceId: string,
  part: string | undefined,
  spanId: string | undefined,
  query: URLSearchParams,
): Answer {
  const found = draft(traceId);
  if (!found) return problem(404, "Unknown trace", `no span with trace id ${traceId} is stored`);
  if (part !== "spans") return { status: 200, body: traceAnswer(found, query.get("details") ?? "auto") };
  const span = found.spans.find((one) => one.span_id === spanId);
  return span
    ? { status: 200, body: spanDetail(traceId, span) }
    : problem(404, "Unknown span", `no span ${spanId} in trace ${traceId}`);
}

function summaries(): TraceSummary[] {
  const ids = [
    ...Array.from(
      { length: 22 },
      (_, at) =>
        `c${at.toString(16).padStart(2, "0")}${"f3a97b1c2".repeat(4)}`.slice(0, 31) + (at % 16).toString(16),
    ),
    ORPHANS,
    HOSTILE,
    DEEP,
  ];
  const made = ids.flatMap((id, index): TraceSummary[] => {
    const found = draft(id);
    if (!found) return [];
    const trace = traceAnswer(found, "skeleton");
    const root = trace.spans.find((one) => one.parent_span_id === "") ?? trace.spans[0];
    return [
      {
        trace_id: id,
        service: root?.service ?? "",
        name: root?.name ?? "",
        start_unix_nano: String(STARTED - BigInt(index) * 7_300_000_000n),
        duration_ns: trace.duration_ns / (1 + (index % 5)),
        span_count: trace.span_count,
        error_count: trace.error_count,
        services: trace.services,
        root_missing: root?.parent_span_id !== "",
      },
    ];
  });
  made.push({
    ...(made[0] as TraceSummary),
    trace_id: BIG,
    name: "nightly reindex",
    duration_ns: 90e9,
    span_count: 50_000,
    error_count: 104,
  });
  return made;
}

function logLines(query: URLSearchParams): LogRecord[] {
  const wanted = query.get("trace_id");
  const span = query.get("span_id");
  if (wanted) return (draft(wanted)?.logs ?? []).filter((log) => !span || log.span_id === span);
  const ids = ["0", "4", "8", "1"].map((digit) => `c${digit.repeat(31)}`);
  const all = ids.flatMap((id) => draft(id)?.logs ?? []);
  const many = Array.from({ length: 4 }, (_, round) =>
    all.map((log) => ({ ...log, id: `${round}-${log.trace_id}-${log.id}` })),
  ).flat();
  many.splice(3, 0, ...(draft(HOSTILE)?.logs ?? []));
  return many.filter((log) => !query.get("service") || log.service === query.get("service"));
}

function correlationAnswer(id: string): Answer {
  const found = draft(`c${"4".repeat(31)}`);
  if (!found || id.includes("unknown"))
    return problem(404, "Unknown correlation id", `nothing carries the id ${id}`);
  return { status: 200, body: correlation(id, found) };
}

function quarantined(now: bigint) {
  return {
    time: "1970-01-01T00:00:00.000000000Z",
    received: iso(now - 60_000_000_000n),
    signal: "traces",
    reason: "start time 1970-01-01T00:00:00Z lies outside the accepted window",
    service: "mailer",
    name: "smtp send",
    topic: "otlp.traces",
    partition: 0,
    offset: 41_212,
    record: JSON.stringify({ trace_id: "00", name: "smtp send", start: 0 }, null, 1),
  };
}

function ledger() {
  const zero = {
    stored: 0,
    sampled_out: 0,
    dropped: 0,
    quarantined: 0,
    dead_lettered: 0,
    in_flight: 0,
    unexplained: 0,
    missing_messages: 0,
    pending_messages: 0,
    duplicated_records: 0,
    dropped_by: [] as unknown[],
    counted_by: "sdk",
  };
  const row = (service: string, signal: string, created: number, more: object) => ({
    service,
    signal,
    created,
    accepted: created,
    ...zero,
    ...more,
  });
  const items = [
    row("", "traces", 12, { in_flight: 11, unexplained: 1, missing_messages: 1, counted_by: "collector" }),
    row("cart", "logs", 88_122, { stored: 88_122, counted_by: "collector" }),
    row("frontend", "traces", 120_412, { stored: 90_400, sampled_out: 30_000, in_flight: 12 }),
    row("mailer", "traces", 9_001, {
      stored: 6_996,
      dropped: 1_500,
      dropped_by: [
        { hop: "sdk", reason: "queue_full", records: 1_490 },
        { hop: "collector", reason: "too_large", records: 10 },
      ],
      quarantined: 202,
      dead_lettered: 300,
      unexplained: 3,
    }),
  ];
  const settled = new Date(Date.now() - 15_000).toISOString();
  return {
    items: EMPTY ? [] : items,
    next_cursor: null,
    balanced: EMPTY,
    settled,
    completeness: completeness(),
  };
}

function gaps(now: bigint) {
  const gap = (first_seq: number, last_seq: number, state: string) => ({
    signal: "traces",
    origin: "collector-host-1-5f0c2a9be1d4",
    first_seq,
    last_seq,
    messages: last_seq - first_seq + 1,
    state,
    after: iso(now - 90_000_000_000n),
    before: iso(now - 60_000_000_000n),
  });
  return [gap(8_123, 8_123, "missing"), gap(9_001, 9_040, "pending"), gap(9_120, 9_121, "unacknowledged")];
}

function origins(now: bigint) {
  return ["traces", "logs", "metrics"].map((signal, index) => ({
    origin: "collector-host-1-5f0c2a9be1d4",
    signal,
    accepted: index === 2 ? null : 129_425,
    forwarded: index === 2 ? null : 129_415,
    rejected: index === 2 ? null : 10,
    returned: index === 2 ? null : 0,
    arrived: 129_100,
    stored: 128_898,
    quarantined: 202,
    messages: 9_080,
    duplicate_messages: 0,
    missing_messages: index === 0 ? 1 : 0,
    pending_messages: index === 0 ? 42 : 0,
    first_seq: 1,
    last_seq: 9_123,
    last_received: iso(now),
  }));
}

function status(now: bigint) {
  const watermark = iso(now - 900_000_000n);
  return {
    version: "0.1.0",
    mode: "embedded",
    started: iso(STARTED),
    ready: true,
    signals: ["traces", "logs", "metrics"].map((signal) => ({
      signal,
      watermark,
      freshness_seconds: signal === "metrics" ? null : 1.4,
      lag_messages: 3,
      lag_seconds: 0.9,
    })),
    components: [
      {
        component: "pipeline",
        instance: "host-1-4711",
        version: "0.1.0",
        state: "held",
        reason: "the store does not answer: connection refused",
        store_breaker: "open",
        bus_breaker: "closed",
        started: iso(STARTED),
        reported: iso(now - 4_000_000_000n),
        silent: false,
      },
    ],
    partitions: ["otlp_logs", "otlp_metrics", "otlp_spans"].map((topic, index) => ({
      topic,
      partition: 0,
      instance: "host-1-4711",
      state: index === 2 ? "paused" : "running",
      reason: index === 2 ? "42 of the last 50 messages were invalid" : "",
      lag_messages: index * 1_204,
      lag_seconds: index * 41.2,
      oldest_uncommitted_seconds: index * 1.1,
      freshness_seconds: index === 1 ? null : 2.2,
      store_delay_seconds: 0.31,
      gaps_skipped: 0,
      dead_lettered: index * 21,
      silent: false,
    })),
    alerts: EMPTY
      ? []
      : [
          {
            id: "ledger_unexplained:traces:mailer",
            name: "ledger_unexplained",
            severity: "critical",
            summary: "3 records (traces) of mailer are missing",
            detail: "The books of the last hour do not balance: nobody says where these went.",
            signal: "traces",
            service: "mailer",
            value: 3,
            link: "/ledger",
          },
          {
            id: "partition_behind:otlp_spans-0",
            name: "partition_behind",
            severity: "warning",
            summary: "otlp_spans-0 is 82 s behind",
            detail: "2408 messages wait.",
            signal: "",
            service: "",
            value: 82,
            link: "/status",
          },
        ],
    store: {
      engine_version: "26.5.1",
      rows: { otel_traces: 1_204_412, otel_logs: 2_881_220, otel_metrics_sum: 88_120 },
      bytes_on_disk: 188_412_322,
    },
    bus: { kind: "sqlite", bytes: 12_441_600, topics: ["otlp.traces", "otlp.logs", "otlp.metrics"] },
  };
}
