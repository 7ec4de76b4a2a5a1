import { type Fold, indexOfRow, isFolded } from "./fold";
import { hasChildren, type TraceTree } from "./tree";

export type Move = { kind: "move" | "toggle" | "open"; row: number } | null;

/** What a key does in the waterfall; null for keys that mean nothing there. */
export function movedCursor(
  key: string,
  tree: TraceTree,
  rows: Int32Array,
  cursor: number,
  fold: Fold,
  pageRows: number,
): Move {
  if (rows.length === 0) return null;
  const at = cursor < 0 ? -1 : indexOfRow(rows, cursor);
  const step = stepOf(key, pageRows);
  if (step !== null) {
    const index = Math.min(rows.length - 1, Math.max(0, at + step));
    return { kind: "move", row: rows[index] as number };
  }
  if (cursor < 0) return null;
  if (key === "Enter") return { kind: "open", row: cursor };
  if (key === " ") return hasChildren(tree, cursor) ? { kind: "toggle", row: cursor } : null;
  const open = hasChildren(tree, cursor) && !isFolded(tree, cursor, fold);
  if (key === "ArrowLeft" || key === "h") {
    if (open) return { kind: "toggle", row: cursor };
    const parent = tree.parent[cursor] as number;
    return parent < 0 ? null : { kind: "move", row: parent };
  }
  if (key === "ArrowRight") {
    if (open) return { kind: "move", row: cursor + 1 };
    return hasChildren(tree, cursor) ? { kind: "toggle", row: cursor } : null;
  }
  return null;
}

function stepOf(key: string, pageRows: number): number | null {
  switch (key) {
    case "ArrowDown":
    case "j":
      return 1;
    case "ArrowUp":
    case "k":
      return -1;
    case "PageDown":
      return pageRows;
    case "PageUp":
      return -pageRows;
    case "Home":
      return Number.NEGATIVE_INFINITY;
    case "End":
      return Number.POSITIVE_INFINITY;
    default:
      return null;
  }
}
