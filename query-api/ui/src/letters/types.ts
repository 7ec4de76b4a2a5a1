import type { Json, Page } from "../api/types";

export type LetterState = "dead" | "parked" | "redriven" | "discarded";

export interface DeadLetter {
  id: string;
  kind: "telemetry" | "application";
  state: LetterState;
  topic: string;
  partition: number;
  offset: number;
  timestamp: string;
  dlq_topic: string;
  dlq_partition: number;
  dlq_offset: number;
  first_seen: string;
  last_seen: string;
  signal: string;
  origin: string;
  seq: number;
  records: number;
  services: string[];
  trace_ids: string[];
  correlation_ids: string[];
  reason: string;
  message: string;
  exception: string;
  stage: string;
  component_version: string;
  attempts: number;
  redrives: number;
  fingerprint: string;
  pattern: string;
  size: number;
  preview: string;
}

export interface LetterGroup {
  fingerprint: string;
  topic: string;
  dlq_topic: string;
  kind: "telemetry" | "application";
  signal: string;
  reason: string;
  exception: string;
  pattern: string;
  letters: number;
  dead: number;
  parked: number;
  redriven: number;
  discarded: number;
  per_minute: number;
  bytes: number;
  oldest: string;
  newest: string;
  services: string[];
  sample_message: string;
  sample_preview: string;
  sample_trace_id: string;
}

export interface GroupPage extends Page<LetterGroup> {
  topics: Record<string, string>;
}

export interface LetterDetail {
  letter: DeadLetter;
  key: string | null;
  headers: { name: string; value: string; binary: boolean }[];
  value: {
    format: "otlp" | "json" | "text" | "binary";
    tree: Json;
    text: string | null;
    breaks: { offset: number; path: string; reason: string }[];
    cut: boolean;
  } | null;
  raw: { offset: number; hex: string; base64: string | null } | null;
  events: { state: LetterState; time: string; actor: string; reason: string; redrive_id: string }[];
  missing: string;
}

/** What letters an action is about; the API says which of them it takes. */
export interface Selection {
  ids?: string[];
  fingerprint?: string;
  topic?: string;
  start?: number;
  end?: number;
  states?: LetterState[];
}

export type Step =
  | { op: "set" | "replace"; attribute: string; value: string | number | boolean; scope: Scope }
  | { op: "drop"; attribute: string; scope: Scope }
  | { op: "salvage" | "repair_text" | "clamp_time" };

export type Scope = "record" | "resource";

export interface Fix {
  steps: Step[];
  edited?: Json;
}

export interface DryRun {
  letters: number;
  bytes: number;
  topics: Record<string, number>;
  trials: {
    id: string;
    problem: string;
    size_before: number;
    size_after: number | null;
    records: number | null;
    after: Json;
  }[];
  seconds: number;
}

export interface Redrive {
  id: string;
  action: "redrive" | "discard";
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  created: string;
  updated: string;
  actor: string;
  address: string;
  request: { reason?: string; rate?: number; selection?: Selection };
  total: number | null;
  done: number;
  failed: number;
  problems: string[];
}
