import { describe, expect, it } from "vitest";
import {
  foldFromQuery,
  foldToQuery,
  indexOfRow,
  isFolded,
  revealed,
  toggled,
  UNFOLDED,
  visibleRows,
} from "./fold";
import { span, treeOf } from "./sample";

const tree = treeOf([
  span("a", "", 0, 100),
  span("b", "a", 10, 50),
  span("c", "b", 20, 10),
  span("d", "c", 22, 2),
  span("e", "a", 70, 10),
]);

describe("folding", () => {
  it("shows everything at first", () => {
    expect([...visibleRows(tree, UNFOLDED)]).toEqual([0, 1, 2, 3, 4]);
  });

  it("hides the subtree of a folded row and nothing else", () => {
    expect([...visibleRows(tree, toggled(tree, 1, UNFOLDED))]).toEqual([0, 1, 4]);
  });

  it("folds from a depth down, except for rows opened since", () => {
    const fold = { depth: 1, flipped: new Set<string>() };
    expect([...visibleRows(tree, fold)]).toEqual([0, 1, 4]);
    expect([...visibleRows(tree, toggled(tree, 1, fold))]).toEqual([0, 1, 2, 4]);
  });

  it("never folds a leaf", () => {
    expect(isFolded(tree, 4, { depth: 0, flipped: new Set() })).toBe(false);
    expect(toggled(tree, 4, UNFOLDED)).toBe(UNFOLDED);
  });

  it("reveals a row by opening its ancestors only", () => {
    const fold = revealed(tree, 3, { depth: 0, flipped: new Set() });
    expect([...visibleRows(tree, fold)]).toEqual([0, 1, 2, 3, 4]);
    expect(revealed(tree, 3, UNFOLDED)).toBe(UNFOLDED);
  });

  it("places a hidden row at its nearest ancestor that shows", () => {
    const rows = visibleRows(tree, toggled(tree, 1, UNFOLDED));
    expect(indexOfRow(rows, 3)).toBe(1);
    expect(indexOfRow(rows, 4)).toBe(2);
    expect(indexOfRow(new Int32Array(0), 3)).toBe(-1);
  });

  it("survives the URL", () => {
    const fold = { depth: 3, flipped: new Set(["b", "c"]) };
    const query = new URLSearchParams(
      Object.entries(foldToQuery(fold)).filter((entry) => entry[1] !== null) as [string, string][],
    );
    expect(foldFromQuery(query)).toEqual(fold);
    expect(foldFromQuery(new URLSearchParams("depth=x"))).toEqual(UNFOLDED);
  });
});
