import type { DeadLetter, LetterDetail, LetterGroup, Redrive } from "../src/letters/types";
import { completeness, iso } from "./answers.ts";

const GROUP = "1f2e3d4c5b6a7988";

function letter(number: number, now: bigint): DeadLetter {
  return {
    id: number.toString(16).padStart(32, "0"),
    kind: "telemetry",
    state: number % 3 === 0 ? "parked" : "dead",
    topic: "otlp_spans",
    partition: number % 2,
    offset: 1200 + number,
    timestamp: iso(now),
    dlq_topic: "otlp_spans.dlq",
    dlq_partition: 0,
    dlq_offset: number,
    first_seen: iso(now - BigInt(number) * 60_000_000_000n),
    last_seen: iso(now),
    signal: "traces",
    origin: "collector-1",
    seq: number,
    records: 12,
    services: ["checkout"],
    trace_ids: [`c${"4".repeat(31)}`],
    correlation_ids: ["order-1"],
    reason: "engine_32",
    message: `cannot decode the batch: read after eof at row ${number}`,
    exception: "PoisonBatch",
    stage: "insert",
    component_version: "0.1.0",
    attempts: 1,
    redrives: number % 3 === 0 ? 1 : 0,
    fingerprint: GROUP,
    pattern: "cannot decode the batch: read after eof at row <n>",
    size: 18_000 + number,
    preview: "POST /order, charge card",
  };
}

function group(now: bigint): LetterGroup {
  const one = letter(1, now);
  return {
    ...one,
    letters: 1204,
    dead: 1200,
    parked: 4,
    redriven: 12,
    discarded: 0,
    per_minute: 3.5,
    bytes: 21_000_000,
    oldest: iso(now - 86_400_000_000_000n),
    newest: iso(now),
    sample_message: one.message,
    sample_preview: one.preview,
    sample_trace_id: one.trace_ids[0] ?? "",
  };
}

function detail(now: bigint): LetterDetail {
  return {
    letter: letter(1, now),
    key: null,
    headers: [{ name: "sightline-dlq-reason", value: "engine_32", binary: false }],
    value: {
      format: "otlp",
      tree: { resourceSpans: [{ scopeSpans: [{ spans: [{ name: "POST /order" }] }] }] },
      text: null,
      breaks: [{ offset: 104, path: "resourceSpans", reason: "127 bytes announced, 1 there" }],
      cut: false,
    },
    raw: null,
    events: [],
    missing: "",
  };
}

function redrive(now: bigint): Redrive {
  return {
    id: "0".repeat(32),
    action: "redrive",
    state: "done",
    created: iso(now),
    updated: iso(now),
    actor: "ada",
    address: "127.0.0.1",
    request: { reason: "the fixed release" },
    total: 12,
    done: 12,
    failed: 0,
    problems: [],
  };
}

/** What the API answers below /dead-letters and /redrives. */
export function letterAnswer(first: string, second: string | undefined, now: bigint): unknown {
  const page = (items: unknown[]) => ({ items, next_cursor: null, completeness: completeness() });
  if (first === "redrives") return second === undefined ? page([redrive(now)]) : redrive(now);
  if (second === "groups") return { ...page([group(now)]), topics: { "otlp_spans.dlq": "otlp_spans" } };
  return second === undefined
    ? page(Array.from({ length: 30 }, (_, number) => letter(number, now)))
    : detail(now);
}
