import type { LedgerRow } from "../api/types";

export type Column =
  | "stored"
  | "sampled_out"
  | "dropped"
  | "quarantined"
  | "dead_lettered"
  | "in_flight"
  | "unexplained";

/** The parts of `created`, in the order of the equation, with what each means. */
export const PARTS: readonly { key: Column; label: string; meaning: string }[] = [
  { key: "stored", label: "Stored", meaning: "In the store, and in every answer about its time." },
  {
    key: "sampled_out",
    label: "Sampled out",
    meaning: "Left out on purpose by head sampling in the SDK; the counts stand for them.",
  },
  {
    key: "dropped",
    label: "Dropped",
    meaning:
      "Lost where somebody counted it: a full queue or a failed export in the SDK, a record too large for the collector, a message that the bus had to remove, a dead letter that a person discarded.",
  },
  {
    key: "quarantined",
    label: "Quarantined",
    meaning: "The record arrived but cannot be queried, for the reason that stands with it.",
  },
  {
    key: "dead_lettered",
    label: "Dead letters",
    meaning: "In messages that could not be stored; they can be mended and sent again.",
  },
  {
    key: "in_flight",
    label: "In flight",
    meaning:
      "In the queue of an SDK at its last report, or a message on the bus (each counts as one: nobody has looked into it).",
  },
  {
    key: "unexplained",
    label: "Unexplained",
    meaning:
      "What nobody accounts for. Above zero, records are missing; below, some are stored too often. Must be zero.",
  },
];

export const CREATED_MEANING =
  "What the SDK of the service counted, where it reports its own metrics; else what a collector took. It is the sum of all columns to the right.";

/** Each part's share of what was created, as [start, width] in percent; negative parts have none. */
export function shares(row: Pick<LedgerRow, Column>): { key: Column; start: number; width: number }[] {
  const total = PARTS.reduce((sum, { key }) => sum + Math.max(0, row[key]), 0);
  let start = 0;
  return PARTS.flatMap(({ key }) => {
    const value = Math.max(0, row[key]);
    if (value === 0 || total === 0) return [];
    // What is one in a million must be seen all the same.
    const width = Math.max(0.6, (value / total) * 100);
    const bar = { key, start, width };
    start += width;
    return [bar];
  }).map((bar) => ({ ...bar, start: (bar.start / start) * 100, width: (bar.width / start) * 100 }));
}

/** The rows of one signal added up. */
export function total(rows: readonly LedgerRow[]): Record<Column | "created", number> {
  const sum = (key: Column | "created") => rows.reduce((all, row) => all + row[key], 0);
  return {
    created: sum("created"),
    stored: sum("stored"),
    sampled_out: sum("sampled_out"),
    dropped: sum("dropped"),
    quarantined: sum("quarantined"),
    dead_lettered: sum("dead_lettered"),
    in_flight: sum("in_flight"),
    unexplained: sum("unexplained"),
  };
}
