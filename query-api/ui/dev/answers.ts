import type {
  Completeness,
  Correlation,
  Dependency,
  LogHistogram,
  LogRecord,
  Operation,
  ServiceSignals,
  ServiceSummary,
  Severity,
  Span,
  SpanDetail,
  Verdict,
} from "../src/api/types";
import { Random } from "./random.ts";

const SECOND = 1_000_000_000n;

export function iso(nanos: bigint): string {
  const stem = new Date(Number(nanos / 1_000_000n)).toISOString().slice(0, 19);
  return `${stem}.${String(nanos % SECOND).padStart(9, "0")}Z`;
}

export function completeness(
  verdict: Verdict = "complete",
  orphans = 0,
  reasons: string[] = [],
): Completeness {
  return {
    verdict,
    watermark: iso(BigInt(Date.now() - 900) * 1_000_000n),
    lag_seconds: verdict === "late" ? 42 : 0.9,
    in_flight_messages: verdict === "late" ? 1200 : 3,
    truncated: verdict === "truncated",
    orphans,
    quarantined: 2,
    dead_letters: 0,
    missing_messages: 0,
    reasons,
  };
}

const NAMES = [
  "frontend",
  "cart",
  "checkout",
  "payment",
  "inventory",
  "shipping",
  "mailer",
  "recommendation",
  "catalogue-import-worker",
];

/** As many as a company has, with names as long as theirs. */
const MANY = Array.from({ length: 30 }, (_, at) => {
  const parts = ["order", "price", "stock", "user", "media", "tax", "loyalty"];
  const roles = ["gateway", "service", "worker", "cache-warmer", "projection-builder"];
  return `${parts[at % 7]}-${roles[at % 5]}${at % 3 === 0 ? `-${at}` : ""}`;
});

export function services(now: bigint, many = false): ServiceSummary[] {
  return (many ? MANY : NAMES).map((service, index) => {
    const random = new Random(index + 1);
    const requests = Math.round(40_000 / (index + 1));
    const rate = [0, 0, 0.031, 0.0004, 0, 0.12, 0, 0, 0][index] ?? 0;
    const p50 = (4 + index * 7) * 1e6;
    return {
      service,
      requests,
      errors: Math.round(requests * rate),
      error_rate: rate,
      rate_per_second: requests / 3600,
      p50_ns: service.endsWith("worker") ? null : p50,
      p95_ns: service.endsWith("worker") ? null : p50 * 4.2,
      p99_ns: service.endsWith("worker") ? null : p50 * 11,
      spans: requests * 3,
      logs: requests * 5,
      last_seen: iso(now - BigInt(index * index * 4) * SECOND),
      sparkline: Array.from({ length: 30 }, (_, at) =>
        Math.round((1 + Math.sin(at / 4 + index)) * 40 + random.below(30)),
      ),
    };
  });
}

export function operations(service: string): Operation[] {
  const names = [
    "POST /orders",
    "GET /cart",
    "GET /products/{id}",
    "SELECT orders",
    "publish orders",
    "validate session",
  ];
  return names.map((operation, index) => ({
    operation,
    kind: ["server", "server", "server", "client", "producer", "internal"][index] ?? "internal",
    count: Math.round(9000 / (index + 1) + service.length),
    errors: index === 0 ? 240 : 0,
    error_rate: index === 0 ? 0.0267 : 0,
    p50_ns: (6 + index * 4) * 1e6,
    p95_ns: (30 + index * 9) * 1e6,
    p99_ns: (120 + index * 30) * 1e6,
    exemplar_trace_id: `c${String(index).repeat(31)}`,
    error_trace_id: index === 0 ? `c${"4".repeat(31)}` : null,
  }));
}

export function signals(
  service: string,
  operation: string | null,
  start: bigint,
  end: bigint,
): ServiceSignals {
  const steps = 60;
  const step = Math.max(1, Math.round(Number((end - start) / SECOND) / steps));
  const random = new Random(service.length * 31);
  return {
    service,
    operation,
    step_seconds: step,
    series: Array.from({ length: steps }, (_, at) => {
      const bad = at > 38 && at < 46;
      const requests = step * (6 + Math.round(3 * Math.sin(at / 8)) + random.below(3));
      const p50 = (18 + random.below(8)) * 1e6 * (bad ? 2.4 : 1);
      return {
        time: iso(start + BigInt(at * step) * SECOND),
        requests,
        errors: bad ? Math.round(requests * (0.1 + 0.2 * random.next())) : random.next() < 0.1 ? 1 : 0,
        p50_ns: p50,
        p95_ns: p50 * 3.8,
        p99_ns: p50 * (7 + random.below(4)),
        exemplar_trace_id: `c${"1".repeat(31)}`,
        error_trace_id: bad ? `c${"4".repeat(31)}` : null,
      };
    }),
    completeness: completeness(),
  };
}

type Calls = [caller: string, callee: string, kind: string, requests: number, errorRate: number];

function manyCalls(): Calls[] {
  const random = new Random(11);
  const kinds = ["http", "http", "rpc", "messaging"];
  const call = (from: number, to: number): Calls => [
    MANY[from] ?? "",
    MANY[to] ?? "",
    random.pick(kinds),
    10 ** random.below(6),
    random.below(6) === 0 ? 0.03 : 0,
  ];
  const tree = MANY.slice(1).map((_, at) => call(Math.floor(at / 3), at + 1));
  const across = Array.from({ length: 16 }, (_, at) => {
    const [low = 0, high = 0] = [random.below(30), random.below(30)].sort((a, b) => a - b);
    return at < 3 ? call(high, Math.max(1, low)) : call(low, high);
  });
  const stores = [3, 7, 8, 20].map((at): Calls => [MANY[at] ?? "", "postgresql", "database", 50_000, 0]);
  return [...tree, ...across, ...stores];
}

export function dependencies(many = false): Dependency[] {
  const few: Calls[] = [
    ["frontend", "cart", "http", 21_000, 0],
    ["frontend", "checkout", "http", 9_400, 0.026],
    ["frontend", "recommendation", "rpc", 18_200, 0],
    ["checkout", "payment", "http", 9_100, 0.031],
    ["checkout", "inventory", "rpc", 9_100, 0.001],
    ["checkout", "shipping", "messaging", 8_800, 0],
    ["shipping", "mailer", "http", 8_800, 0],
    ["cart", "postgresql", "database", 21_000, 0],
    ["inventory", "postgresql", "database", 9_100, 0],
    ["recommendation", "cart", "http", 120, 0],
    ["mailer", "shipping", "http", 40, 0],
  ];
  return (many ? manyCalls() : few).map(([caller, callee, kind, requests, error_rate], index) => ({
    caller,
    callee,
    kind,
    requests,
    errors: Math.round(requests * error_rate),
    error_rate,
    p50_ns: (2 + index) * 1e6,
    p95_ns: (11 + index * 5) * 1e6,
  }));
}

export function histogram(start: bigint, end: bigint): LogHistogram {
  const steps = 60;
  const step = Math.max(1, Math.round(Number((end - start) / SECOND) / steps));
  const random = new Random(5);
  const items = Array.from({ length: steps }, (_, at) => {
    const bad = at > 38 && at < 46;
    const counts: Record<Severity, number> = {
      trace: 0,
      debug: 40 + random.below(30),
      info: 160 + random.below(60),
      warn: 4 + random.below(bad ? 60 : 5),
      error: bad ? 30 + random.below(30) : random.below(3),
      fatal: at === 41 ? 4 : 0,
      unspecified: 0,
    };
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return { time: iso(start + BigInt(at * step) * SECOND), total, ...counts };
  });
  return {
    step_seconds: step,
    items,
    total: items.reduce((sum, item) => sum + item.total, 0),
    completeness: completeness(),
  };
}

const STACK = `Traceback (most recent call last):
  File "/srv/payment/charge.py", line 88, in charge
    response = client.post("/v1/charges", json=payload, timeout=0.25)
  File "/usr/lib/python3.11/site-packages/httpx/_client.py", line 1144, in post
    return self.request("POST", url, **options)
httpx.ReadTimeout: timed out

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/payment/api.py", line 41, in handle
    receipt = charge(order)
  File "/srv/payment/charge.py", line 97, in charge
    raise ProcessorTimeout("card processor timed out after 250 ms") from cause
payment.errors.ProcessorTimeout: card processor timed out after 250 ms`;

export function spanDetail(traceId: string, span: Span): SpanDetail {
  const start = BigInt(span.start_unix_nano);
  const at = (share: number) => String(start + BigInt(Math.round(span.duration_ns * share)));
  const none = { dropped_attributes_count: 0 };
  return {
    ...span,
    trace_id: traceId,
    trace_state: "vendor=abc",
    flags: 257,
    end_unix_nano: at(1),
    attributes: span.attributes ?? {},
    resource: {
      attributes: {
        "service.name": span.service,
        "service.version": "1.4.2",
        "host.name": "web-1",
        "process.pid": 4121,
        "telemetry.sdk.name": "opentelemetry",
      },
      schema_url: "https://opentelemetry.io/schemas/1.27.0",
      ...none,
    },
    scope: {
      name: "opentelemetry.instrumentation.asgi",
      version: "0.52b0",
      attributes: {},
      schema_url: "",
      ...none,
    },
    events: [
      ...(span.event_count > 0
        ? [{ time_unix_nano: at(0.3), name: "retry", attributes: { attempt: 2, "backoff.ms": 40 }, ...none }]
        : []),
      ...(span.has_exception
        ? [
            {
              time_unix_nano: at(0.9),
              name: "exception",
              attributes: {
                "exception.type": "payment.errors.ProcessorTimeout",
                "exception.message": "card processor timed out after 250 ms",
                "exception.stacktrace": STACK,
                "exception.escaped": true,
              },
              ...none,
            },
          ]
        : []),
    ],
    links:
      span.link_count > 0
        ? [
            {
              trace_id: `c${"2".repeat(31)}`,
              span_id: "000000000000a00b",
              trace_state: "",
              attributes: { "messaging.operation": "publish" },
              flags: 1,
              ...none,
            },
          ]
        : [],
    dropped_attributes_count: span.has_exception ? 3 : 0,
    dropped_events_count: 0,
    dropped_links_count: 0,
    warnings: span.has_exception ? ["The span ends 2.1 ms after its parent."] : [],
    correlation_id: "order-2026-000417",
  };
}

export function correlation(
  id: string,
  trace: { trace_id: string; spans: Span[]; logs: LogRecord[] },
): Correlation {
  const items = [
    ...trace.spans.map((span) => ({
      kind: "span" as const,
      time: iso(BigInt(span.start_unix_nano)),
      time_unix_nano: span.start_unix_nano,
      service: span.service,
      trace_id: trace.trace_id,
      span_id: span.span_id,
      name: span.name,
      status: span.status,
      duration_ns: span.duration_ns,
      span_kind: span.kind,
      attributes: span.attributes ?? {},
    })),
    ...trace.logs.map((log) => ({
      kind: "log" as const,
      time: iso(BigInt(log.time_unix_nano)),
      time_unix_nano: log.time_unix_nano,
      service: log.service,
      trace_id: log.trace_id,
      span_id: log.span_id,
      body: log.body,
      severity: log.severity,
      attributes: log.attributes,
    })),
  ].sort((a, b) => (BigInt(a.time_unix_nano) < BigInt(b.time_unix_nano) ? -1 : 1));
  const names = [...new Set(items.map((item) => item.service))];
  return {
    id,
    matched: "correlation_id",
    start_unix_nano: items[0]?.time_unix_nano ?? "0",
    end_unix_nano: items.at(-1)?.time_unix_nano ?? "0",
    duration_ns: 583e6,
    span_count: trace.spans.length,
    log_count: trace.logs.length,
    error_count: trace.spans.filter((span) => span.status === "error").length,
    trace_ids: [trace.trace_id],
    services: names.map((service) => ({
      service,
      spans: trace.spans.filter((span) => span.service === service).length,
      logs: trace.logs.filter((log) => log.service === service).length,
      errors: trace.spans.filter((span) => span.service === service && span.status === "error").length,
    })),
    items,
    next_cursor: null,
    completeness: completeness(),
  };
}
