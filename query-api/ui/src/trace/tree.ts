import type { LogRecord, Span } from "../api/types";
import { offsetFrom } from "../time/nanos";

export const SPAN = 0;
/** A parent that spans point to but that is not here. */
export const MISSING = 1;
export const LOG = 2;

/**
 * A trace as flat arrays in depth-first order. A row's subtree is the range `[row, end[row])`, so collapsing
 * and walking never recurse, however deep the trace is. Times are nanoseconds after `base`.
 */
export interface TraceTree {
  base: bigint;
  length: number;
  kind: Uint8Array;
  /** Index into `spans`, `missing` or `logs`, according to `kind`. */
  item: Int32Array;
  depth: Int32Array;
  parent: Int32Array;
  end: Int32Array;
  start: Float64Array;
  duration: Float64Array;
  spans: readonly Span[];
  missing: readonly string[];
  logs: readonly LogRecord[];
  /** Earliest and latest time of any row. */
  from: number;
  to: number;
  maxDepth: number;
}

interface Nodes {
  kind: Uint8Array;
  item: Int32Array;
  parent: Int32Array;
  start: Float64Array;
  duration: Float64Array;
}

/**
 * Spans keep their place below their parent; a parent that is not here becomes a placeholder row, and log
 * records stand below their span in time order. Parent loops and repeated span ids do no harm: of a loop the
 * earliest span becomes a root, of spans with one id the first is the parent.
 */
export function buildTree(base: bigint, spans: readonly Span[], logs: readonly LogRecord[]): TraceTree {
  const indexOf = new Map<string, number>();
  spans.forEach((span, index) => {
    if (!indexOf.has(span.span_id)) indexOf.set(span.span_id, index);
  });
  const missing = missingParents(spans, indexOf);
  const nodes = makeNodes(base, spans, [...missing.keys()], logs, indexOf, missing);
  const order = startOrder(nodes);
  const { sequence, depth } = depthFirst(nodes, order);
  return flatten(base, nodes, sequence, depth, spans, [...missing.keys()], logs);
}

function missingParents(spans: readonly Span[], indexOf: Map<string, number>): Map<string, number> {
  const missing = new Map<string, number>();
  for (const span of spans) {
    const id = span.parent_span_id;
    if (id !== "" && !indexOf.has(id) && !missing.has(id)) missing.set(id, spans.length + missing.size);
  }
  return missing;
}

function makeNodes(
  base: bigint,
  spans: readonly Span[],
  missingIds: readonly string[],
  logs: readonly LogRecord[],
  indexOf: Map<string, number>,
  missing: Map<string, number>,
): Nodes {
  const count = spans.length + missingIds.length + logs.length;
  const nodes: Nodes = {
    kind: new Uint8Array(count),
    item: new Int32Array(count),
    parent: new Int32Array(count).fill(-1),
    start: new Float64Array(count),
    duration: new Float64Array(count),
  };
  for (const index of missingIds.keys()) {
    const node = spans.length + index;
    nodes.kind[node] = MISSING;
    nodes.item[node] = index;
    nodes.start[node] = Number.POSITIVE_INFINITY;
  }
  spans.forEach((span, node) => {
    const start = offsetFrom(base, span.start_unix_nano);
    nodes.item[node] = node;
    nodes.start[node] = start;
    nodes.duration[node] = span.duration_ns;
    if (span.parent_span_id === "") return;
    const parent = indexOf.get(span.parent_span_id) ?? missing.get(span.parent_span_id) ?? -1;
    nodes.parent[node] = parent === node ? -1 : parent;
    if (parent >= spans.length) spanMissing(nodes, parent, start, start + span.duration_ns);
  });
  logs.forEach((log, index) => {
    const node = spans.length + missingIds.length + index;
    nodes.kind[node] = LOG;
    nodes.item[node] = index;
    nodes.start[node] = offsetFrom(base, log.time_unix_nano);
    nodes.parent[node] = indexOf.get(log.span_id) ?? missing.get(log.span_id) ?? -1;
  });
  return nodes;
}

/** What is known of a missing parent: it lasted at least as long as its children. */
function spanMissing(nodes: Nodes, node: number, start: number, end: number): void {
  const from = Math.min(nodes.start[node] as number, start);
  const until = Number.isFinite(nodes.start[node] as number)
    ? Math.max((nodes.start[node] as number) + (nodes.duration[node] as number), end)
    : end;
  nodes.start[node] = from;
  nodes.duration[node] = until - from;
}

/** Nodes by start; at the same start the longer first, then spans before logs, then as received. */
function startOrder(nodes: Nodes): Uint32Array {
  const { start, duration, kind } = nodes;
  const before = (a: number, b: number) =>
    (start[a] as number) - (start[b] as number) ||
    (duration[b] as number) - (duration[a] as number) ||
    (kind[a] as number) - (kind[b] as number) ||
    a - b;
  return Uint32Array.from(start.keys()).sort(before);
}

function depthFirst(nodes: Nodes, order: Uint32Array): { sequence: Int32Array; depth: Int32Array } {
  const count = order.length;
  const firstChild = new Int32Array(count).fill(-1);
  const nextSibling = new Int32Array(count).fill(-1);
  // Prepending in reverse start order leaves every list of children in start order.
  for (let at = count - 1; at >= 0; at -= 1) {
    const node = order[at] as number;
    const parent = nodes.parent[node] as number;
    if (parent < 0) continue;
    nextSibling[node] = firstChild[parent] as number;
    firstChild[parent] = node;
  }
  const sequence = new Int32Array(count);
  const depth = new Int32Array(count);
  const seen = new Uint8Array(count);
  let filled = 0;
  const walk = (root: number) => {
    const stack = [root];
    depth[root] = 0;
    while (stack.length > 0) {
      const node = stack.pop() as number;
      if (seen[node]) continue;
      seen[node] = 1;
      sequence[filled++] = node;
      const mark = stack.length;
      for (let child = firstChild[node] as number; child >= 0; child = nextSibling[child] as number) {
        if (seen[child]) continue;
        depth[child] = (depth[node] as number) + 1;
        stack.push(child);
      }
      reverseFrom(stack, mark);
    }
  };
  for (const node of order) if ((nodes.parent[node] as number) < 0) walk(node);
  // Whatever was not reached hangs in a loop of parents.
  for (const node of order) {
    if (seen[node]) continue;
    nodes.parent[node] = -1;
    walk(node);
  }
  return { sequence, depth };
}

function reverseFrom(stack: number[], from: number): void {
  for (let low = from, high = stack.length - 1; low < high; low += 1, high -= 1) {
    const held = stack[low] as number;
    stack[low] = stack[high] as number;
    stack[high] = held;
  }
}

function flatten(
  base: bigint,
  nodes: Nodes,
  sequence: Int32Array,
  nodeDepth: Int32Array,
  spans: readonly Span[],
  missing: readonly string[],
  logs: readonly LogRecord[],
): TraceTree {
  const length = sequence.length;
  const rowOf = new Int32Array(length);
  sequence.forEach((node, row) => {
    rowOf[node] = row;
  });
  const tree: TraceTree = {
    base,
    length,
    kind: Uint8Array.from(sequence, (node) => nodes.kind[node] as number),
    item: Int32Array.from(sequence, (node) => nodes.item[node] as number),
    depth: Int32Array.from(sequence, (node) => nodeDepth[node] as number),
    parent: Int32Array.from(sequence, (node) => {
      const parent = nodes.parent[node] as number;
      return parent < 0 ? -1 : (rowOf[parent] as number);
    }),
    end: new Int32Array(length),
    start: Float64Array.from(sequence, (node) => nodes.start[node] as number),
    duration: Float64Array.from(sequence, (node) => nodes.duration[node] as number),
    spans,
    missing,
    logs,
    from: 0,
    to: 0,
    maxDepth: 0,
  };
  closeSubtrees(tree);
  measure(tree);
  return tree;
}

function closeSubtrees(tree: TraceTree): void {
  const open: number[] = [];
  for (let row = 0; row <= tree.length; row += 1) {
    const depth = row < tree.length ? (tree.depth[row] as number) : -1;
    while (open.length > 0 && (tree.depth[open.at(-1) as number] as number) >= depth) {
      tree.end[open.pop() as number] = row;
    }
    open.push(row);
  }
}

function measure(tree: TraceTree): void {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < tree.length; row += 1) {
    const start = tree.start[row] as number;
    from = Math.min(from, start);
    to = Math.max(to, start + (tree.duration[row] as number));
    tree.maxDepth = Math.max(tree.maxDepth, tree.depth[row] as number);
  }
  tree.from = tree.length > 0 ? from : 0;
  tree.to = tree.length > 0 ? Math.max(to, from + 1) : 1;
}

export function hasChildren(tree: TraceTree, row: number): boolean {
  return (tree.end[row] as number) > row + 1;
}

/** What names a row in the URL and in sets: stays the same when log rows come and go. */
export function rowKey(tree: TraceTree, row: number): string {
  const item = tree.item[row] as number;
  if (tree.kind[row] === SPAN) return (tree.spans[item] as Span).span_id;
  if (tree.kind[row] === MISSING) return tree.missing[item] as string;
  return `log:${(tree.logs[item] as LogRecord).id}`;
}

export function rowOfKey(tree: TraceTree, key: string): number {
  for (let row = 0; row < tree.length; row += 1) if (rowKey(tree, row) === key) return row;
  return -1;
}
