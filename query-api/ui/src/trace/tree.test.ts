import { describe, expect, it } from "vitest";
import { log, span, treeOf } from "./sample";
import { LOG, MISSING, rowKey, rowOfKey, SPAN, type TraceTree } from "./tree";

function drawn(tree: TraceTree): string[] {
  return Array.from(
    { length: tree.length },
    (_, row) => `${"  ".repeat(tree.depth[row] as number)}${rowKey(tree, row)}`,
  );
}

describe("buildTree", () => {
  it("puts children below their parent in start order", () => {
    const tree = treeOf([
      span("a", "", 0, 100),
      span("c", "a", 50),
      span("b", "a", 10, 20),
      span("d", "b", 12),
    ]);
    expect(drawn(tree)).toEqual(["a", "  b", "    d", "  c"]);
    expect([...tree.end]).toEqual([4, 3, 3, 4]);
    expect([...tree.parent]).toEqual([-1, 0, 1, 0]);
  });

  it("shows one placeholder for a parent that is not here, as long as its children", () => {
    const tree = treeOf([span("b", "gone", 10, 5), span("c", "gone", 40, 20)]);
    expect(drawn(tree)).toEqual(["gone", "  b", "  c"]);
    expect(tree.kind[0]).toBe(MISSING);
    expect([tree.start[0], tree.duration[0]]).toEqual([10, 50]);
  });

  it("interleaves log lines with the children of their span", () => {
    const tree = treeOf(
      [span("a", "", 0, 100), span("b", "a", 20), span("c", "a", 60)],
      [log("1", "a", 40), log("2", "", 90), log("3", "unknown", 95)],
    );
    expect(drawn(tree)).toEqual(["a", "  b", "  log:1", "  c", "log:2", "log:3"]);
    expect([...tree.kind].filter((kind) => kind === LOG)).toHaveLength(3);
  });

  it("makes the earliest span of a parent loop a root and keeps every span", () => {
    const tree = treeOf([span("a", "b", 5), span("b", "c", 1), span("c", "a", 3), span("s", "s", 9)]);
    expect(drawn(tree)).toEqual(["s", "b", "  a", "    c"]);
  });

  it("keeps every span when ids repeat", () => {
    const tree = treeOf([span("a", "", 0, 50), span("a", "", 1), span("b", "a", 2)]);
    expect(drawn(tree)).toEqual(["a", "  b", "a"]);
    expect([...tree.kind].every((kind) => kind === SPAN)).toBe(true);
  });

  it("builds a trace 100,000 deep without overflowing the stack", () => {
    const spans = Array.from({ length: 100_000 }, (_, at) => span(`s${at}`, at ? `s${at - 1}` : "", at, 1));
    const tree = treeOf(spans);
    expect(tree.maxDepth).toBe(99_999);
    expect(tree.end[0]).toBe(100_000);
  });

  it("keeps differences of one nanosecond", () => {
    const tree = treeOf([span("a", "", 0), span("b", "", 1)]);
    expect([tree.start[0], tree.start[1]]).toEqual([0, 1]);
  });

  it("is empty for no spans, with a time range that can be divided by", () => {
    const tree = treeOf([]);
    expect([tree.length, tree.from, tree.to]).toEqual([0, 0, 1]);
  });

  it("finds rows by key", () => {
    const tree = treeOf([span("a", "", 0), span("b", "gone", 5)]);
    expect(rowOfKey(tree, "gone")).toBe(1);
    expect(rowOfKey(tree, "nothing")).toBe(-1);
  });
});
