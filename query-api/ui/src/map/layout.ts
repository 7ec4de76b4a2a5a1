import type { Dependency } from "../api/types";

export interface MapNode {
  service: string;
  layer: number;
  x: number;
  y: number;
}

export interface MapEdge {
  edge: Dependency;
  from: MapNode;
  to: MapNode;
  /** Against the direction of the layers: part of a cycle. */
  back: boolean;
}

export interface MapLayout {
  nodes: MapNode[];
  edges: MapEdge[];
  width: number;
  height: number;
}

export const NODE_WIDTH = 168;
export const NODE_HEIGHT = 44;
const GAP_X = 84;
const GAP_Y = 22;
const MARGIN = 16;
/** Calls that go back run around the outside of the boxes. */
const BACK_ROOM = 44;
const SWEEPS = 6;

/** Callers left of callees, layer by layer; within a layer ordered so that few edges cross. */
export function layoutMap(dependencies: readonly Dependency[]): MapLayout {
  const services = [...new Set(dependencies.flatMap((edge) => [edge.caller, edge.callee]))].sort();
  const forward = withoutCycles(services, dependencies);
  const layerOf = assignLayers(services, forward);
  const layers = orderLayers(services, layerOf, forward);
  const cyclic = dependencies.some(
    (edge) => (layerOf.get(edge.caller) ?? 0) >= (layerOf.get(edge.callee) ?? 0),
  );
  const left = MARGIN + (cyclic ? BACK_ROOM : 0);
  const nodes = new Map<string, MapNode>();
  const tallest = Math.max(...layers.map((layer) => layer.length), 0);
  layers.forEach((layer, column) => {
    const shift = ((tallest - layer.length) * (NODE_HEIGHT + GAP_Y)) / 2;
    layer.forEach((service, index) => {
      nodes.set(service, {
        service,
        layer: column,
        x: left + column * (NODE_WIDTH + GAP_X),
        y: MARGIN + shift + index * (NODE_HEIGHT + GAP_Y),
      });
    });
  });
  const edges = dependencies.flatMap((edge): MapEdge[] => {
    const from = nodes.get(edge.caller);
    const to = nodes.get(edge.callee);
    return from && to ? [{ edge, from, to, back: from.layer >= to.layer }] : [];
  });
  return {
    nodes: [...nodes.values()],
    edges,
    width: (cyclic ? 2 * BACK_ROOM : 0) + 2 * MARGIN + layers.length * (NODE_WIDTH + GAP_X) - GAP_X,
    height: (cyclic ? GAP_Y : 0) + 2 * MARGIN + tallest * (NODE_HEIGHT + GAP_Y) - GAP_Y,
  };
}

type Graph = Map<string, string[]>;

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

/** Longest path from a start: every call goes at least one layer to the right. */
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

/** Barycentre sweeps: each service moves towards the middle of those it is connected to. */
function orderLayers(services: readonly string[], layerOf: Map<string, number>, graph: Graph): string[][] {
  const layers: string[][] = [];
  for (const service of services) {
    const index = layerOf.get(service) ?? 0;
    while (layers.length <= index) layers.push([]);
    layers[index]?.push(service);
  }
  const callers: Graph = new Map();
  for (const [caller, callees] of graph) {
    for (const callee of callees) callers.set(callee, [...(callers.get(callee) ?? []), caller]);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    const place = new Map<string, number>();
    for (const layer of layers)
      for (const [index, service] of layer.entries()) place.set(service, index / layer.length);
    for (const layer of down ? layers : layers.toReversed()) {
      const pull = (service: string) => {
        const near = (down ? callers : graph).get(service) ?? [];
        if (near.length === 0) return place.get(service) ?? 0;
        return near.reduce((sum, other) => sum + (place.get(other) ?? 0), 0) / near.length;
      };
      layer.sort((a, b) => pull(a) - pull(b) || (a < b ? -1 : 1));
      for (const [index, service] of layer.entries()) place.set(service, index / layer.length);
    }
  }
  return layers;
}

/** A smooth path from the right side of the caller to the left side of the callee. */
export function edgePath({ from, to, back }: MapEdge): string {
  const x1 = from.x + NODE_WIDTH;
  const y1 = from.y + NODE_HEIGHT / 2;
  const x2 = to.x;
  const y2 = to.y + NODE_HEIGHT / 2;
  if (back) {
    const low = Math.max(from.y, to.y) + NODE_HEIGHT + GAP_Y / 2;
    return `M${x1} ${y1}C${x1 + 50} ${y1} ${x1 + 50} ${low} ${(x1 + x2) / 2} ${low}S${x2 - 50} ${y2} ${x2} ${y2}`;
  }
  const bend = Math.max(30, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
