import { expect, it } from "vitest";
import { hexdump } from "./hexdump";
import { EMPTY, scalarOf, stepOf } from "./steps";

it("dumps bytes in rows of 16 with their text", () => {
  const [first, second] = hexdump(`${"0a7f41".padEnd(34, "0")}42`, 16).split("\n");
  expect(first).toBe("00000010  0a 7f 41 00 00 00 00 00 00 00 00 00 00 00 00 00  ..A.............");
  expect(second).toBe(`00000020  00 42${" ".repeat(42)}  .B`);
  expect(hexdump("")).toBe("");
});

it("takes values for what they look like", () => {
  expect(["12", "1.5", "true", '"12"', "GET", "{}", ""].map(scalarOf)).toEqual([
    12,
    1.5,
    true,
    "12",
    "GET",
    "{}",
    "",
  ]);
});

it("sends only what a step needs", () => {
  expect(stepOf({ ...EMPTY, attribute: "a", value: "1" })).toEqual({ op: "salvage" });
  expect(stepOf({ ...EMPTY, op: "drop", attribute: "a", value: "1" })).toEqual({
    op: "drop",
    attribute: "a",
    scope: "record",
  });
  expect(stepOf({ ...EMPTY, op: "set", attribute: "a", value: "1" })).toEqual({
    op: "set",
    attribute: "a",
    value: 1,
    scope: "record",
  });
});
