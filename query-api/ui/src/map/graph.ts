import type { Dependency } from "../api/types";

export type Graph = Map<string, string[]>;

/** The layer of every service: each call goes at least one to the right, but those that close a cycle. */
export function layersOf(dependencies: readonly Dependency[]): Map<string, number> {
  const services = [...new Set(dependencies.flatMap((edge) => [edge.caller, edge.callee]))].sort();
  return assignLayers(services, withoutCycles(services, dependencies));
}

function graphOf(edges: readonly Dependency[]): Graph {
  const graph: Graph = new Map();
  for (const { caller, callee } of edges) {
    if (caller === callee) continue;
    const list = graph.get(caller);
    if (list) list.push(callee);
    else graph.set(caller, [callee]);
  }
  return graph;
}

/** The calls without those that close a cycle on a depth-first walk from services that nobody calls. */
function withoutCycles(services: readonly string[], edges: readonly Dependency[]): Graph {
  const graph = graphOf(edges);
  const called = new Set(edges.map((edge) => edge.callee));
  const starts = [...services].sort((a, b) => Number(called.has(a)) - Number(called.has(b)));
  const state = new Map<string, "open" | "done">();
  const kept: Graph = new Map();
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack: { service: string; next: number }[] = [{ service: start, next: 0 }];
    state.set(start, "open");
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { service: string; next: number };
      const callee = graph.get(top.service)?.[top.next];
      if (callee === undefined) {
        state.set(top.service, "done");
        stack.pop();
        continue;
      }
      top.next += 1;
      if (state.get(callee) === "open") continue;
      kept.set(top.service, [...(kept.get(top.service) ?? []), callee]);
      if (!state.has(callee)) {
        state.set(callee, "open");
        stack.push({ service: callee, next: 0 });
      }
    }
  }
  return kept;
}

/** Longest path from a start. */
function assignLayers(services: readonly string[], graph: Graph): Map<string, number> {
  const incoming = new Map<string, number>(services.map((service) => [service, 0]));
  for (const callees of graph.values()) {
    for (const callee of callees) incoming.set(callee, (incoming.get(callee) ?? 0) + 1);
  }
  const layer = new Map<string, number>(services.map((service) => [service, 0]));
  const ready = services.filter((service) => incoming.get(service) === 0);
  for (let at = 0; at < ready.length; at += 1) {
    const service = ready[at] as string;
    for (const callee of graph.get(service) ?? []) {
      layer.set(callee, Math.max(layer.get(callee) ?? 0, (layer.get(service) ?? 0) + 1));
      const left = (incoming.get(callee) ?? 0) - 1;
      incoming.set(callee, left);
      if (left === 0) ready.push(callee);
    }
  }
  return layer;
}
