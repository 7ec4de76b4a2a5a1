import type { Json } from "../api/types";

/** `field:value` in the query language; null when the field or value cannot be written in it. */
export function queryTerm(field: string, value: Json): string | null {
  if (!/^[A-Za-z_][\w./-]*$/.test(field)) return null;
  if (typeof value === "boolean" || typeof value === "number") return `${field}:${value}`;
  if (typeof value !== "string" || value.length > 500) return null;
  return `${field}:${quoted(value)}`;
}

export function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** `query` with one more condition; a term that is already there is not added twice. */
export function withTerm(query: string, term: string, exclude = false): string {
  const added = exclude ? `-${term}` : term;
  const opposite = exclude ? term : `-${term}`;
  const kept = query.trim();
  if (kept === "" || kept === opposite) return added;
  if (kept === added || kept.endsWith(` ${added}`) || kept.startsWith(`${added} `)) return kept;
  const grouped = /\bOR\b/.test(kept) && !/^\(.*\)$/s.test(kept) ? `(${kept})` : kept;
  return `${grouped} ${added}`;
}
