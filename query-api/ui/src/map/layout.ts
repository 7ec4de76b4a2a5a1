import type { Dependency } from "../api/types";
import { layersOf } from "./graph";
import { type Item, makeLanes, NODE_HEIGHT, orderItems, placeItems } from "./lanes";

export interface MapNode {
  service: string;
  layer: number;
  x: number;
  y: number;
}

export interface MapEdge {
  edge: Dependency;
  /** Against the direction of the layers: part of a cycle. */
  back: boolean;
  /** Of an SVG path from the caller to the callee that passes behind no service. */
  path: string;
}

export interface MapLayout {
  nodes: MapNode[];
  edges: MapEdge[];
  width: number;
  height: number;
}

export { NODE_HEIGHT };
export const NODE_WIDTH = 184;
const GAP_X = 80;
const MARGIN = 20;
/** Between two ends on the same side of a service, at the most. */
const PORT_STEP = 8;

/** Callers left of callees, layer by layer, ordered so that few calls cross; calls run between services. */
export function layoutMap(dependencies: readonly Dependency[]): MapLayout {
  const layerOf = layersOf(dependencies);
  const { layers, chains } = makeLanes(dependencies, layerOf);
  orderItems(layers);
  placeItems(layers);
  const items = layers.flat();
  for (const item of items) item.y = Math.round(item.y) + MARGIN;
  const ports = spreadPorts(chains);
  return {
    nodes: items.flatMap(({ service, layer, y }) =>
      service === null ? [] : [{ service, layer, x: leftOf(layer), y }],
    ),
    edges: dependencies.map((edge, index) => {
      const back = (layerOf.get(edge.caller) ?? 0) >= (layerOf.get(edge.callee) ?? 0);
      return { edge, back, path: pathOf(chains[index] as Item[], ports[index] as Ends, back) };
    }),
    width: 2 * MARGIN + layers.length * (NODE_WIDTH + GAP_X) - GAP_X,
    height: MARGIN + items.reduce((low, item) => Math.max(low, item.y + item.height), 0),
  };
}

function leftOf(layer: number): number {
  return MARGIN + layer * (NODE_WIDTH + GAP_X);
}

function middleOf(item: Item): number {
  return item.y + item.height / 2;
}

/** Where a call leaves the service on its left and reaches the one on its right. */
interface Ends {
  left: number;
  right: number;
}

/** Ends on one side of a service stand apart, in the order in which the calls arrive there. */
function spreadPorts(chains: readonly Item[][]): Ends[] {
  const ends = chains.map((chain) => ({ left: 0, right: middleOf(chain[0] as Item) }));
  const sides = new Map<Item, Record<keyof Ends, { call: number; from: number }[]>>();
  const note = (item: Item, side: keyof Ends, call: number, next: Item) => {
    const both = sides.get(item) ?? { left: [], right: [] };
    both[side].push({ call, from: middleOf(next) });
    sides.set(item, both);
  };
  for (const [call, chain] of chains.entries()) {
    if (chain.length < 2) continue;
    note(chain[0] as Item, "left", call, chain[1] as Item);
    note(chain.at(-1) as Item, "right", call, chain.at(-2) as Item);
  }
  for (const [item, both] of sides) {
    for (const side of ["left", "right"] as const) {
      const calls = both[side].sort((a, b) => a.from - b.from || a.call - b.call);
      const step = Math.min(PORT_STEP, (NODE_HEIGHT - 12) / Math.max(1, calls.length - 1));
      for (const [index, { call }] of calls.entries()) {
        (ends[call] as Ends)[side] = middleOf(item) + (index - (calls.length - 1) / 2) * step;
      }
    }
  }
  return ends;
}

/** Straight through the lanes, curved in the gaps between the layers, which hold nothing else. */
function pathOf(chain: readonly Item[], ends: Ends, back: boolean): string {
  const first = chain[0] as Item;
  if (chain.length === 1) return loopAt(leftOf(first.layer) + NODE_WIDTH, first.y);
  const points = chain.flatMap((item, index): [number, number][] => {
    const x = leftOf(item.layer);
    if (index === 0) return [[x + NODE_WIDTH, ends.left]];
    if (index === chain.length - 1) return [[x, ends.right]];
    const y = middleOf(item);
    return [
      [x, y],
      [x + NODE_WIDTH, y],
    ];
  });
  if (back) points.reverse();
  return points.reduce((path, [x, y], index) => {
    if (index === 0) return `M${round(x)} ${round(y)}`;
    if (index % 2 === 0) return `${path}H${round(x)}`;
    const [fromX, fromY] = points[index - 1] as [number, number];
    const bend = round((fromX + x) / 2);
    return `${path}C${bend} ${round(fromY)} ${bend} ${round(y)} ${round(x)} ${round(y)}`;
  }, "");
}

/** A call to oneself: a small loop on the upper right corner. */
function loopAt(right: number, top: number): string {
  const [from, to, high] = [right - 32, right - 10, top - 18].map(round);
  return `M${from} ${round(top)}C${from} ${high} ${to} ${high} ${to} ${round(top)}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
