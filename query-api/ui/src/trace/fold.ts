import { hasChildren, rowKey, type TraceTree } from "./tree";

/** Which rows are folded: everything from `depth` down, except that the rows in `flipped` are the other way. */
export interface Fold {
  depth: number | null;
  flipped: ReadonlySet<string>;
}

export const UNFOLDED: Fold = { depth: null, flipped: new Set() };

export function isFolded(tree: TraceTree, row: number, fold: Fold): boolean {
  if (!hasChildren(tree, row)) return false;
  const deep = fold.depth !== null && (tree.depth[row] as number) >= fold.depth;
  return fold.flipped.size > 0 && fold.flipped.has(rowKey(tree, row)) ? !deep : deep;
}

/** The rows that show, top to bottom. */
export function visibleRows(tree: TraceTree, fold: Fold): Int32Array {
  const rows = new Int32Array(tree.length);
  let count = 0;
  let row = 0;
  while (row < tree.length) {
    rows[count++] = row;
    row = isFolded(tree, row, fold) ? (tree.end[row] as number) : row + 1;
  }
  return rows.subarray(0, count);
}

export function toggled(tree: TraceTree, row: number, fold: Fold): Fold {
  if (!hasChildren(tree, row)) return fold;
  const key = rowKey(tree, row);
  const flipped = new Set(fold.flipped);
  if (!flipped.delete(key)) flipped.add(key);
  return { depth: fold.depth, flipped };
}

/** Unfold the ancestors of `row`, so that it shows. */
export function revealed(tree: TraceTree, row: number, fold: Fold): Fold {
  let next = fold;
  for (let up = tree.parent[row] as number; up >= 0; up = tree.parent[up] as number) {
    if (isFolded(tree, up, next)) next = toggled(tree, up, next);
  }
  return next;
}

/** Where `row` stands among ascending `rows`; when it is folded away, its nearest ancestor that shows. */
export function indexOfRow(rows: Int32Array, row: number): number {
  let low = 0;
  let high = rows.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = rows[middle] as number;
    if (found === row) return middle;
    if (found < row) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}

const MAX_FLIPPED_IN_URL = 40;

export function foldFromQuery(query: URLSearchParams): Fold {
  const depth = query.get("depth");
  const flipped = query.get("fold");
  return {
    depth: depth !== null && /^\d{1,5}$/.test(depth) ? Number(depth) : null,
    flipped: new Set(flipped ? flipped.split(",") : []),
  };
}

export function foldToQuery(fold: Fold): { depth: string | null; fold: string | null } {
  const keys = [...fold.flipped].slice(0, MAX_FLIPPED_IN_URL);
  return { depth: fold.depth === null ? null : String(fold.depth), fold: keys.join(",") || null };
}
