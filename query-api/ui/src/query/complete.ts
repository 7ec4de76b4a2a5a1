import type { AttributeKey } from "../api/types";
import { quoted } from "../text/query";

export type Signal = "traces" | "logs";

/** The part of a query at the caret: what it begins with and which characters a choice replaces. */
export interface Part {
  /** The field whose value is being typed; `null` while the field itself is. */
  field: string | null;
  prefix: string;
  start: number;
  end: number;
}

export interface Suggestion {
  /** What it is called in the list. */
  label: string;
  /** What is put in the place of the part. */
  text: string;
  note: string;
}

const FIELD = /^[A-Za-z_][\w./-]*$/;
const OWN_FIELDS: Record<Signal, readonly string[]> = {
  traces: ["service", "name", "status", "duration", "kind", "event", "trace_id", "span_id", "status_message"],
  logs: ["service", "severity", "severity_number", "trace_id", "span_id", "event", "body"],
};
const CHOICES: Record<Signal, Record<string, readonly string[]>> = {
  traces: {
    status: ["error", "ok", "unset"],
    kind: ["server", "client", "producer", "consumer", "internal"],
  },
  logs: { severity: ["trace", "debug", "info", "warn", "error", "fatal"] },
};
const WITHOUT_VALUES = new Set(["duration", "severity_number", "event", "body", "trace_id", "span_id"]);
const SCOPES = { resource: "resource.", scope: "scope.", record: "" } as const;

/** The part of `query` in which the caret stands, or `null` where nothing can be completed. */
export function partAt(query: string, caret: number): Part | null {
  let start = 0;
  let open = false;
  for (let at = 0; at < caret; at += 1) {
    const one = query[at] as string;
    if (open && one === "\\") at += 1;
    else if (one === '"') open = !open;
    else if (!open && /[\s()]/.test(one)) start = at + 1;
  }
  if (query[start] === "-") start += 1;
  const typed = query.slice(start, caret);
  const rest = query.slice(caret);
  const colon = typed.indexOf(":");
  if (colon < 0) {
    if (!FIELD.test(typed)) return null;
    return { field: null, prefix: typed, start, end: caret + lengthOf(rest, /^[\w./-]*:?/) };
  }
  const field = typed.slice(0, colon);
  const value = typed.slice(colon + 1);
  if (!FIELD.test(field) || value.startsWith("[")) return null;
  if (!value.startsWith('"')) {
    const end = caret + lengthOf(rest, /^[^\s()"]*/);
    return { field, prefix: value, start: start + colon + 1, end };
  }
  if (!open) return null;
  const prefix = value.slice(1).replace(/\\(.)/gs, "$1");
  return { field, prefix, start: start + colon + 1, end: caret + lengthOf(rest, /^[^"]*"?/) };
}

function lengthOf(text: string, pattern: RegExp): number {
  return pattern.exec(text)?.[0].length ?? 0;
}

/** `query` with the part replaced, and where the caret stands then. */
export function complete(query: string, part: Part, chosen: Suggestion): { query: string; caret: number } {
  const after = query.slice(part.end);
  const space = part.field !== null && !/^\s/.test(after) ? " " : "";
  const head = query.slice(0, part.start) + chosen.text + space;
  return { query: head + after, caret: head.length };
}

/** Where to ask for what `part` may become: path and parameters below /api/v1; `null` for nowhere. */
export function questionOf(
  part: Part,
  signal: Signal,
): [path: string, params: Record<string, string>] | null {
  if (part.field === null) {
    const [, bare] = scopeOf(part.prefix);
    return ["/attributes", { signal, prefix: bare, limit: "50" }];
  }
  if (CHOICES[signal][part.field] || WITHOUT_VALUES.has(part.field)) return null;
  return ["/attributes/values", { signal, field: part.field, prefix: part.prefix, limit: "20" }];
}

/** The signal's own fields that go on as typed, then the attributes that the API found. */
export function fieldSuggestions(part: Part, signal: Signal, found: readonly AttributeKey[]): Suggestion[] {
  const own = OWN_FIELDS[signal];
  const [scope] = scopeOf(part.prefix);
  const fixed = own
    .filter((name) => name.startsWith(part.prefix) && name !== part.prefix)
    .map((name) => ({ label: name, text: `${name}:`, note: "field" }));
  const attributes = found
    .filter((one) => FIELD.test(one.key) && (scope === null || one.scope === scope))
    .map((one) => {
      const clash = one.scope === "record" && own.includes(one.key);
      const name = `${clash ? "attributes." : SCOPES[one.scope]}${one.key}`;
      return { label: name, text: `${name}:`, note: one.scope === "record" ? "attribute" : one.scope };
    });
  return [...fixed, ...attributes].slice(0, 12);
}

/** Values of a field that the store has, or the few that the field can have. */
export function valueSuggestions(
  part: Part,
  signal: Signal,
  found: readonly { value: string; count: number }[],
): Suggestion[] {
  const typed = part.prefix.toLowerCase();
  const choices = part.field === null ? undefined : CHOICES[signal][part.field];
  const values = choices?.filter((one) => one.startsWith(typed)) ?? found.map((one) => one.value);
  return values.slice(0, 12).map((value) => {
    return { label: value, text: /^[\w./@-]+$/.test(value) ? value : quoted(value), note: "" };
  });
}

function scopeOf(prefix: string): [scope: AttributeKey["scope"] | null, bare: string] {
  if (prefix.startsWith("resource.")) return ["resource", prefix.slice(9)];
  if (prefix.startsWith("scope.")) return ["scope", prefix.slice(6)];
  if (prefix.startsWith("attributes.")) return ["record", prefix.slice(11)];
  return [null, prefix];
}
