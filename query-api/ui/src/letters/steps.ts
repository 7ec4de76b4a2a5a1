import type { Scope, Step } from "./types";

/** One line of the form; what is not needed for its operation is left alone. */
export interface Draft {
  op: Step["op"];
  attribute: string;
  value: string;
  scope: Scope;
}

export const EMPTY: Draft = { op: "salvage", attribute: "", value: "", scope: "record" };

export const OPERATIONS: readonly { op: Step["op"]; label: string; for: "all" | "telemetry" }[] = [
  { op: "salvage", label: "keep what can be read", for: "telemetry" },
  { op: "repair_text", label: "repair text that is not UTF-8", for: "telemetry" },
  { op: "clamp_time", label: "move times into the accepted window", for: "telemetry" },
  { op: "set", label: "set attribute", for: "all" },
  { op: "replace", label: "replace attribute where it is", for: "all" },
  { op: "drop", label: "drop attribute", for: "all" },
];

export function needsAttribute(op: Step["op"]): boolean {
  return op === "set" || op === "replace" || op === "drop";
}

export function stepOf(draft: Draft): Step {
  if (draft.op === "drop") return { op: draft.op, attribute: draft.attribute, scope: draft.scope };
  if (draft.op === "set" || draft.op === "replace")
    return { op: draft.op, attribute: draft.attribute, value: scalarOf(draft.value), scope: draft.scope };
  return { op: draft.op };
}

/** `12`, `1.5`, `true` and `false` are what they look like; all else, and what is in quotes, is text. */
export function scalarOf(text: string): string | number | boolean {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "number" || typeof parsed === "boolean" || typeof parsed === "string")
      return parsed;
  } catch {
    // then it is plain text
  }
  return text;
}
