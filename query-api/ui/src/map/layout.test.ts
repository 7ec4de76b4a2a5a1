import { describe, expect, it } from "vitest";
import type { Dependency } from "../api/types";
import { layoutMap } from "./layout";

function calls(...pairs: [string, string][]): Dependency[] {
  return pairs.map(([caller, callee]) => ({
    caller,
    callee,
    kind: "http",
    requests: 1,
    errors: 0,
    error_rate: 0,
    p50_ns: 1,
    p95_ns: 1,
  }));
}

describe("layoutMap", () => {
  it("puts callers left of callees", () => {
    const { nodes } = layoutMap(calls(["a", "b"], ["b", "c"], ["a", "c"]));
    expect(Object.fromEntries(nodes.map((node) => [node.service, node.layer]))).toEqual({ a: 0, b: 1, c: 2 });
  });

  it("ends on cycles and calls to oneself, and marks the calls that go back", () => {
    const { edges, nodes } = layoutMap(calls(["a", "b"], ["b", "a"], ["c", "c"]));
    expect(nodes).toHaveLength(3);
    expect(edges.map((one) => one.back)).toEqual([false, true, true]);
  });

  it("never puts two services on one spot", () => {
    const { nodes } = layoutMap(calls(["a", "c"], ["b", "d"], ["a", "d"], ["b", "c"], ["e", "c"]));
    expect(new Set(nodes.map((node) => `${node.x},${node.y}`)).size).toBe(nodes.length);
  });

  it("lays out a chain of 5,000 services without recursion", () => {
    const pairs = Array.from({ length: 5_000 }, (_, at): [string, string] => [`s${at}`, `s${at + 1}`]);
    expect(layoutMap(calls(...pairs)).nodes).toHaveLength(5_001);
  });
});
