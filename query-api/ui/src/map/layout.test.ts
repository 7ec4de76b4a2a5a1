import { describe, expect, it } from "vitest";
import { Random } from "../../dev/random";
import type { Dependency } from "../api/types";
import { layoutMap, type MapLayout, NODE_HEIGHT, NODE_WIDTH } from "./layout";

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

function shop(services: number, more: number, seed: number): Dependency[] {
  const random = new Random(seed);
  const pairs = new Set<string>();
  for (let at = 1; at < services; at += 1) pairs.add(`s${random.below(at)} s${at}`);
  for (let at = 0; at < more; at += 1) pairs.add(`s${random.below(services)} s${random.below(services)}`);
  return calls(...[...pairs].map((pair) => pair.split(" ") as [string, string]));
}

/** Points along a path of M, C and H, close enough together that no service fits between two. */
function pointsOf(path: string): [number, number][] {
  const points: [number, number][] = [];
  let [x, y] = [0, 0];
  for (const [, command, rest] of path.matchAll(/([MCH])([^MCH]+)/g)) {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = (rest as string).split(" ").map(Number);
    for (let at = 0; at <= 40; at += 1) {
      const [t, u] = [at / 40, 1 - at / 40];
      if (command === "M") points.push([a, b]);
      if (command === "H") points.push([u * x + t * a, y]);
      if (command === "C") {
        const mix = (p: number, q: number, r: number, s: number) =>
          u ** 3 * p + 3 * u * u * t * q + 3 * u * t * t * r + t ** 3 * s;
        points.push([mix(x, a, c, e), mix(y, b, d, f)]);
      }
    }
    [x, y] = command === "M" ? [a, b] : command === "H" ? [a, y] : [e, f];
  }
  return points;
}

function hidden({ nodes, edges }: MapLayout): string[] {
  const inside = (x: number, y: number) =>
    nodes.some(
      (node) => x > node.x + 1 && x < node.x + NODE_WIDTH - 1 && y > node.y && y < node.y + NODE_HEIGHT,
    );
  return edges
    .filter((one) => pointsOf(one.path).some(([x, y]) => inside(x, y)))
    .map(({ edge }) => `${edge.caller} → ${edge.callee}`);
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

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    "draws no call behind a service and everything within the picture, seed %i",
    (seed) => {
      const layout = layoutMap(shop(5 + 5 * (seed % 6), 3 * (seed % 11), seed));
      expect(hidden(layout)).toEqual([]);
      for (const [x, y] of layout.edges.flatMap((one) => pointsOf(one.path))) {
        expect(x > 0 && x < layout.width && y > 0 && y < layout.height).toBe(true);
      }
    },
  );

  it("keeps services apart", () => {
    const { nodes } = layoutMap(shop(30, 40, 7));
    for (const a of nodes) {
      for (const b of nodes) {
        if (a !== b && a.layer === b.layer) expect(Math.abs(a.y - b.y)).toBeGreaterThan(NODE_HEIGHT + 10);
      }
    }
  });

  it("lets a call and its answer by another call leave at different heights", () => {
    const { edges } = layoutMap(calls(["a", "b"], ["b", "a"]));
    const [there, back] = edges.map((one) => pointsOf(one.path));
    expect(there?.[0]?.[1]).not.toBe(back?.at(-1)?.[1]);
    expect(there?.[0]?.[0]).toBe(back?.at(-1)?.[0]);
  });

  it("lays out a chain of 5,000 services without recursion", () => {
    const pairs = Array.from({ length: 5_000 }, (_, at): [string, string] => [`s${at}`, `s${at + 1}`]);
    expect(layoutMap(calls(...pairs)).nodes).toHaveLength(5_001);
  });
});
