import type { LogRecord, Severity, Span, Trace } from "../src/api/types";
import { completeness } from "./answers.ts";
import { Random } from "./random.ts";

export const BIG = "b".repeat(32);
export const DEEP = "d".repeat(32);
export const ORPHANS = "a".repeat(32);
export const HOSTILE = "e".repeat(32);

const SERVICES = [
  "frontend",
  "cart",
  "checkout",
  "payment",
  "inventory",
  "shipping",
  "recommendation",
  "mailer",
];
const OPERATIONS = [
  "GET /cart",
  "POST /orders",
  "SELECT orders",
  "reserve",
  "charge",
  "GET /products/{id}",
  "publish orders",
];
const KINDS = ["server", "client", "internal", "client", "internal", "producer", "consumer"];

interface Draft {
  trace_id: string;
  start: bigint;
  spans: Span[];
  logs: LogRecord[];
  correlation: string[];
}

/** The trace of an id: the special ones above, a shop request for ids that start with "c", else none. */
export function draftOf(traceId: string, start: bigint): Draft | null {
  if (traceId === BIG) return wide(traceId, start, 50_000);
  if (traceId === DEEP) return deep(traceId, start, 5_000);
  if (traceId === ORPHANS) return orphaned(traceId, start);
  if (traceId === HOSTILE) return hostile(traceId, start);
  if (/^c[0-9a-f]{31}$/.test(traceId)) return shop(traceId, start);
  return null;
}

function span(
  start: bigint,
  id: string,
  parent: string,
  service: string,
  name: string,
  offset: number,
  duration: number,
  more: Partial<Span> = {},
): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    service,
    name,
    kind: "internal",
    start_unix_nano: String(start + BigInt(Math.round(offset))),
    duration_ns: Math.round(duration),
    status: "unset",
    attributes: {},
    event_count: 0,
    link_count: 0,
    has_exception: false,
    ...more,
  };
}

function log(
  draft: { trace_id: string; start: bigint },
  owner: Span | null,
  offset: number,
  severity: Severity,
  body: string,
): LogRecord {
  const number = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21, unspecified: 0 }[severity];
  const time = String(draft.start + BigInt(Math.round(offset)));
  return {
    id: `${time}-${owner?.span_id ?? "none"}-${body.length}`,
    time_unix_nano: time,
    observed_time_unix_nano: time,
    service: owner?.service ?? "frontend",
    severity,
    severity_text: severity.toUpperCase(),
    severity_number: number,
    body,
    body_structured: body.startsWith("{"),
    event_name: "",
    trace_id: draft.trace_id,
    span_id: owner?.span_id ?? "",
    correlation_id: "order-2026-000417",
    attributes: {
      "code.function": "handle",
      "thread.id": 12,
      "order.id": 417,
      "http.route": "/orders",
      retry: true,
    },
    resource: {
      "service.name": owner?.service ?? "frontend",
      "host.name": "web-1",
      "service.version": "1.4.2",
    },
    scope_name: "shop.orders",
    flags: 1,
  };
}

function shop(traceId: string, start: bigint): Draft {
  const draft: Draft = { trace_id: traceId, start, spans: [], logs: [], correlation: ["order-2026-000417"] };
  const failed = Number.parseInt(traceId.slice(-1), 16) % 4 === 0;
  const ms = 1e6;
  const id = (n: number) => (0xa000 + n).toString(16).padStart(16, "0");
  const add = (
    n: number,
    parent: number,
    service: string,
    kind: string,
    name: string,
    at: number,
    lasts: number,
    more: Partial<Span> = {},
  ) => {
    const made = span(start, id(n), parent ? id(parent) : "", service, name, at * ms, lasts * ms, {
      kind,
      attributes: {
        "http.request.method": "POST",
        "http.route": "/orders",
        "server.port": 8080,
        "order.total": 129.9,
      },
      ...more,
    });
    draft.spans.push(made);
    return made;
  };
  const root = add(
    1,
    0,
    "frontend",
    "server",
    "POST /orders",
    0,
    482,
    failed ? { status: "error", status_message: "upstream payment failed: 503" } : { status: "ok" },
  );
  add(2, 1, "frontend", "internal", "validate session", 1.2, 6.4);
  const cart = add(3, 1, "cart", "server", "GET /cart", 9, 48);
  add(4, 3, "cart", "client", "SELECT cart_items", 12, 31, {
    attributes: {
      "db.system": "postgresql",
      "db.query.text": "SELECT item_id, quantity FROM cart_items WHERE cart_id = $1 ORDER BY added_at",
    },
  });
  add(5, 3, "cart", "client", "GET redis", 44, 2.1);
  const checkout = add(
    6,
    1,
    "checkout",
    "server",
    "POST /checkout",
    60,
    410,
    failed ? { status: "error" } : {},
  );
  add(7, 6, "inventory", "server", "reserve", 66, 72, { link_count: 1 });
  add(8, 7, "inventory", "client", "UPDATE stock", 70, 58);
  const payment = add(
    9,
    6,
    "payment",
    "server",
    "charge",
    142,
    296,
    failed
      ? {
          status: "error",
          status_message: "card processor timed out after 250 ms",
          has_exception: true,
          event_count: 2,
        }
      : { event_count: 1 },
  );
  add(
    10,
    9,
    "payment",
    "client",
    "POST api.cards.example/v1/charges",
    150,
    250,
    failed ? { status: "error" } : {},
  );
  add(11, 6, "checkout", "producer", "publish orders", 441, 4.6);
  add(12, 11, "shipping", "consumer", "process orders", 463, 120, { link_count: 1 });
  add(13, 12, "mailer", "internal", "render confirmation", 500, 38);
  add(14, 12, "mailer", "client", "smtp send", 541, 36);
  draft.logs.push(
    log(draft, root, 0.4 * ms, "info", "order received from customer 8812"),
    log(draft, cart, 14 * ms, "debug", "cart loaded: 3 items"),
    log(draft, checkout, 64 * ms, "info", '{"event":"checkout.started","items":3,"currency":"EUR"}'),
    log(draft, payment, 380 * ms, "warn", "card processor slow: 230 ms so far"),
    log(
      draft,
      payment,
      401 * ms,
      failed ? "error" : "info",
      failed ? "charge failed: card processor timed out after 250 ms" : "charged 129.90 EUR",
    ),
    log(draft, null, 470 * ms, "info", "response sent"),
  );
  return draft;
}

function wide(traceId: string, start: bigint, count: number): Draft {
  const random = new Random(7);
  const draft: Draft = { trace_id: traceId, start, spans: [], logs: [], correlation: [] };
  const total = 90e9;
  const windows: { id: string; from: number; to: number; service: string }[] = [];
  for (let index = 0; index < count; index += 1) {
    const parent =
      index === 0
        ? undefined
        : windows[
            random.next() < 0.25
              ? random.below(windows.length)
              : Math.max(0, windows.length - 1 - random.below(12))
          ];
    const from = parent ? parent.from + random.next() * (parent.to - parent.from) * 0.7 : 0;
    const to = parent ? from + (parent.to - from) * (0.15 + 0.8 * random.next()) : total;
    const name = index === 0 ? "nightly reindex" : `${random.pick(OPERATIONS)}`;
    const service = parent ? (random.next() < 0.6 ? parent.service : random.pick(SERVICES)) : "frontend";
    const id = (index + 1).toString(16).padStart(16, "0");
    windows.push({ id, from, to, service });
    const failed = random.next() < 0.002;
    draft.spans.push(
      span(start, id, parent?.id ?? "", service, name, from, Math.max(800, to - from), {
        kind: random.pick(KINDS),
        status: failed ? "error" : "unset",
        attributes: { "batch.index": index, "http.route": "/products/{id}" },
      }),
    );
  }
  draft.spans.sort((a, b) => (BigInt(a.start_unix_nano) < BigInt(b.start_unix_nano) ? -1 : 1));
  return draft;
}

function deep(traceId: string, start: bigint, depth: number): Draft {
  const draft: Draft = { trace_id: traceId, start, spans: [], logs: [], correlation: [] };
  const id = (n: number) => (n + 1).toString(16).padStart(16, "0");
  for (let level = 0; level < depth; level += 1) {
    draft.spans.push(
      span(
        start,
        id(level),
        level ? id(level - 1) : "",
        SERVICES[level % 3] as string,
        `recurse(level=${level})`,
        level * 1e5,
        (2 * depth - 2 * level) * 1e5,
        {
          status: level === depth - 1 ? "error" : "unset",
          attributes: { level },
        },
      ),
    );
  }
  return draft;
}

function orphaned(traceId: string, start: bigint): Draft {
  const whole = shop(`c${traceId.slice(1)}`, start);
  const gone = new Set([whole.spans[0]?.span_id, whole.spans[8]?.span_id]);
  const spans = whole.spans.filter((one) => !gone.has(one.span_id));
  return {
    ...whole,
    trace_id: traceId,
    spans,
    logs: whole.logs.map((one) => ({ ...one, trace_id: traceId })),
  };
}

function hostile(traceId: string, start: bigint): Draft {
  const draft: Draft = {
    trace_id: traceId,
    start,
    spans: [],
    logs: [],
    correlation: ['"><img src=x onerror=alert(1)>'],
  };
  const payload = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
  const root = span(
    start,
    "1".repeat(16),
    "",
    payload,
    `${payload} \u202egnp.exe \u0000\u0007 ${"x".repeat(5000)}`,
    0,
    5e9,
    {
      status: "error",
      status_message: payload,
      event_count: 1,
      link_count: 1,
      attributes: {
        [payload]: payload,
        url: "javascript:alert(1)",
        "data.url": "data:text/html,<script>alert(1)</script>",
        "url.full": "https://shop.example/orders?id=417",
        huge: "long value ".repeat(60_000),
        nested: { list: [1, "two", { three: null }], "<b>": true },
        arabic: "مرحبا بالعالم",
        __proto__x: "1",
        empty: "",
        nothing: null,
      },
    },
  );
  draft.spans.push(
    root,
    span(start, "2".repeat(16), "3".repeat(16), "loop", "a parent of itself in a loop", 1e9, 1e9),
    span(start, "3".repeat(16), "2".repeat(16), "loop", "and back", 1.2e9, 1e9),
    span(start, "4".repeat(16), "4".repeat(16), "loop", "its own parent", 2e9, 3),
    span(start, "1".repeat(16), "1".repeat(16), "twin", "same id as the root", 2.5e9, 0),
    span(start, "5".repeat(16), "1".repeat(16), "", "", 3e9, 4e18 / 1e9),
  );
  draft.logs.push(log(draft, root, 1e9, "fatal", `${payload}\nsecond line\u202e desrever`));
  return draft;
}

/** The answer of /traces/{trace_id}. */
export function traceAnswer(draft: Draft, details: string): Trace {
  const counts = new Map<string, { service: string; spans: number; errors: number }>();
  let end = draft.start;
  let errors = 0;
  const ids = new Set(draft.spans.map((one) => one.span_id));
  let orphans = 0;
  for (const one of draft.spans) {
    const row = counts.get(one.service) ?? { service: one.service, spans: 0, errors: 0 };
    row.spans += 1;
    if (one.status === "error") {
      row.errors += 1;
      errors += 1;
    }
    counts.set(one.service, row);
    if (one.parent_span_id && !ids.has(one.parent_span_id)) orphans += 1;
    const stop = BigInt(one.start_unix_nano) + BigInt(one.duration_ns);
    if (stop > end) end = stop;
  }
  const full = details === "full" || (details !== "skeleton" && draft.spans.length <= 2000);
  const spans = full ? draft.spans : draft.spans.map(({ attributes: _, ...rest }) => rest as Span);
  return {
    trace_id: draft.trace_id,
    start_unix_nano: String(draft.start),
    end_unix_nano: String(end),
    duration_ns: Number(end - draft.start),
    span_count: draft.spans.length,
    error_count: errors,
    log_count: draft.logs.length,
    services: [...counts.values()].sort((a, b) => b.spans - a.spans),
    details: full ? "full" : "skeleton",
    correlation_ids: draft.correlation,
    spans,
    completeness: completeness(
      orphans > 0 ? "orphans" : "complete",
      orphans,
      orphans > 0 ? ["Spans name parents that are not stored: a0001, a0009."] : [],
    ),
  };
}
