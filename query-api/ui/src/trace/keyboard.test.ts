import { describe, expect, it } from "vitest";
import { UNFOLDED, visibleRows } from "./fold";
import { movedCursor } from "./keyboard";
import { span, treeOf } from "./sample";

const tree = treeOf([span("a", "", 0, 100), span("b", "a", 10, 50), span("c", "b", 20), span("d", "a", 70)]);
const press = (key: string, cursor: number, fold = UNFOLDED) =>
  movedCursor(key, tree, visibleRows(tree, fold), cursor, fold, 10);

describe("keys of the waterfall", () => {
  it("moves by rows and stops at the ends", () => {
    expect(press("j", -1)).toEqual({ kind: "move", row: 0 });
    expect(press("ArrowDown", 3)).toEqual({ kind: "move", row: 3 });
    expect(press("k", 0)).toEqual({ kind: "move", row: 0 });
    expect(press("End", 0)).toEqual({ kind: "move", row: 3 });
    expect(press("Home", 3)).toEqual({ kind: "move", row: 0 });
    expect(press("PageDown", 1)).toEqual({ kind: "move", row: 3 });
  });

  it("collapses, then goes to the parent; expands, then goes to the first child", () => {
    const folded = { depth: null, flipped: new Set(["b"]) };
    expect(press("ArrowLeft", 1)).toEqual({ kind: "toggle", row: 1 });
    expect(press("ArrowLeft", 1, folded)).toEqual({ kind: "move", row: 0 });
    expect(press("ArrowRight", 1, folded)).toEqual({ kind: "toggle", row: 1 });
    expect(press("ArrowRight", 1)).toEqual({ kind: "move", row: 2 });
    expect(press("ArrowLeft", 2)).toEqual({ kind: "move", row: 1 });
    expect(press("ArrowRight", 2)).toBeNull();
  });

  it("skips what is folded away", () => {
    expect(press("j", 1, { depth: null, flipped: new Set(["b"]) })).toEqual({ kind: "move", row: 3 });
  });

  it("opens with Enter and leaves other keys alone", () => {
    expect(press("Enter", 2)).toEqual({ kind: "open", row: 2 });
    expect(press("Enter", -1)).toBeNull();
    expect(press("x", 1)).toBeNull();
  });
});
