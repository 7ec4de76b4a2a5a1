import type { LogRecord, Span } from "../api/types";
import { MISSING, SPAN, type TraceTree } from "./tree";

/** Finds rows by text. What a row can be found by is put together once and kept. */
export class Finder {
  readonly #tree: TraceTree;
  readonly #texts: (string | undefined)[];

  constructor(tree: TraceTree) {
    this.#tree = tree;
    this.#texts = new Array<string | undefined>(tree.length);
  }

  /** Rows that hold every word of `query`, in order; no rows for an empty query. Letter case does not matter. */
  find(query: string): Int32Array {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return new Int32Array(0);
    const rows: number[] = [];
    for (let row = 0; row < this.#tree.length; row += 1) {
      const text = this.#text(row);
      if (words.every((word) => text.includes(word))) rows.push(row);
    }
    return Int32Array.from(rows);
  }

  #text(row: number): string {
    const known = this.#texts[row];
    if (known !== undefined) return known;
    const text = rowText(this.#tree, row).toLowerCase();
    this.#texts[row] = text;
    return text;
  }
}

function rowText(tree: TraceTree, row: number): string {
  const item = tree.item[row] as number;
  if (tree.kind[row] === MISSING) return `${tree.missing[item]} missing`;
  if (tree.kind[row] === SPAN) {
    const span = tree.spans[item] as Span;
    const stem = `${span.service} ${span.name} ${span.span_id} ${span.kind} ${span.status} ${span.status_message ?? ""}`;
    return span.attributes ? `${stem} ${attributeText(span.attributes)}` : stem;
  }
  const log = tree.logs[item] as LogRecord;
  return `${log.service} ${log.severity} ${log.body} ${log.event_name} ${attributeText(log.attributes)}`;
}

/** `key=value` pairs, so that both `http.route` and `http.route=/cart` find the row. */
function attributeText(attributes: Record<string, unknown>): string {
  const parts: string[] = [];
  for (const [key, value] of Object.entries(attributes)) {
    parts.push(`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  return parts.join(" ");
}

/** The match after (or before) `row`, around the end if need be; -1 without matches. */
export function nextMatch(matches: Int32Array, row: number, direction: 1 | -1): number {
  if (matches.length === 0) return -1;
  let low = 0;
  let high = matches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((matches[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  if (direction === 1) {
    const after = matches[low] === row ? low + 1 : low;
    return matches[after % matches.length] as number;
  }
  return matches[(low - 1 + matches.length) % matches.length] as number;
}
