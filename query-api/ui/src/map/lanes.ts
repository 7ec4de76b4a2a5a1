import type { Dependency } from "../api/types";

/** What stands in a layer: a service, or the lane in which a longer call passes between services. */
export interface Item {
  service: string | null;
  layer: number;
  height: number;
  /** Top edge, set by {@link placeItems}. */
  y: number;
  left: Item[];
  right: Item[];
}

export const NODE_HEIGHT = 44;
const LANE_HEIGHT = 8;
const GAP_Y = 22;
const LANE_GAP = 10;
const SWEEPS = 12;

export interface Lanes {
  layers: Item[][];
  /** For every call its items from the leftmost layer to the rightmost; of a call to oneself just one. */
  chains: Item[][];
}

/** One item per service, and one lane for every layer that a call crosses without stopping there. */
export function makeLanes(dependencies: readonly Dependency[], layerOf: Map<string, number>): Lanes {
  const layers: Item[][] = [];
  const nodes = new Map<string, Item>();
  const add = (service: string | null, layer: number): Item => {
    const height = service === null ? LANE_HEIGHT : NODE_HEIGHT;
    const item: Item = { service, layer, height, y: 0, left: [], right: [] };
    while (layers.length <= layer) layers.push([]);
    layers[layer]?.push(item);
    return item;
  };
  for (const [service, layer] of layerOf) nodes.set(service, add(service, layer));
  const chains = dependencies.map(({ caller, callee }) => {
    const ends = [nodes.get(caller) as Item, nodes.get(callee) as Item].sort((a, b) => a.layer - b.layer);
    const [from, to] = ends as [Item, Item];
    if (from === to) return [from];
    const chain = [from];
    for (let layer = from.layer + 1; layer < to.layer; layer += 1) chain.push(add(null, layer));
    chain.push(to);
    for (let at = 1; at < chain.length; at += 1) {
      (chain[at - 1] as Item).right.push(chain[at] as Item);
      (chain[at] as Item).left.push(chain[at - 1] as Item);
    }
    return chain;
  });
  return { layers, chains };
}

/** Barycentre sweeps: each item moves towards the middle of those it is connected to. */
export function orderItems(layers: Item[][]): void {
  const place = new Map<Item, number>();
  const note = (layer: Item[]) => {
    for (const [index, item] of layer.entries()) place.set(item, (index + 0.5) / layer.length);
  };
  layers.forEach(note);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const side = sweep % 2 === 0 ? "left" : "right";
    for (const layer of side === "left" ? layers : layers.toReversed()) {
      const pull = new Map(layer.map((item) => [item, mean(item[side], (one) => place.get(one) ?? 0)]));
      const target = (item: Item) => pull.get(item) ?? place.get(item) ?? 0;
      layer.sort((a, b) => target(a) - target(b));
      note(layer);
    }
  }
}

/** Give every item its `y`: as near to its neighbours' height as the order within its layer allows. */
export function placeItems(layers: Item[][]): void {
  for (const layer of layers) settle(layer, new Map());
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const sides: ("left" | "right")[] = sweep % 2 === 0 ? ["left"] : ["right"];
    if (sweep >= SWEEPS - 2) sides.splice(0, 1, "left", "right");
    for (const layer of sweep % 2 === 0 ? layers : layers.toReversed()) {
      const wanted = new Map<Item, number>();
      for (const item of layer) {
        const near = sides.flatMap((side) => item[side]);
        const middle = mean(near, (one) => one.y + one.height / 2);
        if (middle !== undefined) wanted.set(item, middle - item.height / 2);
      }
      settle(layer, wanted);
    }
  }
  const top = Math.min(...layers.map((layer) => layer[0]?.y ?? 0));
  for (const layer of layers) for (const item of layer) item.y -= top;
}

/**
 * Move a layer's items to where they are wanted, in their order and apart from each other, so that the squared
 * distances are least: isotonic regression (pool adjacent violators) once the room above each is taken off.
 */
function settle(layer: Item[], wanted: Map<Item, number>): void {
  const pools: { sum: number; weight: number; items: number }[] = [];
  const rooms: number[] = [];
  let room = 0;
  for (const [index, item] of layer.entries()) {
    const above = layer[index - 1];
    if (above) room += above.height + (above.service && item.service ? GAP_Y : LANE_GAP);
    rooms.push(room);
    // A lane that runs straight is worth more than a service in the very middle of its calls.
    const weight = item.service === null ? 4 : 1;
    pools.push({ sum: weight * ((wanted.get(item) ?? item.y) - room), weight, items: 1 });
    for (let last = pools.pop(); last; last = pools.pop()) {
      const before = pools.at(-1);
      if (!before || before.sum / before.weight <= last.sum / last.weight) {
        pools.push(last);
        break;
      }
      pools.pop();
      const items = before.items + last.items;
      pools.push({ sum: before.sum + last.sum, weight: before.weight + last.weight, items });
    }
  }
  let at = 0;
  for (const pool of pools) {
    for (let of = 0; of < pool.items; of += 1, at += 1) {
      (layer[at] as Item).y = pool.sum / pool.weight + (rooms[at] as number);
    }
  }
}

function mean(items: readonly Item[], value: (item: Item) => number): number | undefined {
  if (items.length === 0) return undefined;
  return items.reduce((sum, item) => sum + value(item), 0) / items.length;
}
