import { describe, expect, it } from "vitest";
import { Finder, nextMatch } from "./find";
import { log, span, treeOf } from "./sample";

const tree = treeOf(
  [
    {
      ...span("a", "", 0, 100),
      service: "frontend",
      name: "POST /orders",
      attributes: { "http.route": "/orders", retries: 2 },
    },
    { ...span("b", "a", 10), status: "error", status_message: "Timed out" },
    span("c", "gone", 50),
  ],
  [log("1", "a", 5)],
);

describe("Finder", () => {
  const finder = new Finder(tree);
  const found = (query: string) => [...finder.find(query)];

  it("finds by name, service, id and status message, whatever the case", () => {
    expect(found("post")).toEqual([0]);
    expect(found("FRONTEND")).toEqual([0]);
    expect(found("timed out")).toEqual([2]);
    expect(found("error")).toEqual([2]);
  });

  it("finds by attribute key, value and pair", () => {
    expect(found("http.route=/orders")).toEqual([0]);
    expect(found("retries=2")).toEqual([0]);
    expect(found("http.route")).toEqual([0, 1]);
  });

  it("finds log lines and missing parents", () => {
    expect(found("log 1")).toEqual([1]);
    expect(found("missing")).toEqual([3]);
  });

  it("wants every word and finds nothing for no words", () => {
    expect(found("post frontend")).toEqual([0]);
    expect(found("post cart")).toEqual([]);
    expect(found("  ")).toEqual([]);
  });
});

describe("nextMatch", () => {
  const matches = Int32Array.from([2, 5, 9]);

  it("goes on from the cursor and around the end", () => {
    expect(nextMatch(matches, -1, 1)).toBe(2);
    expect(nextMatch(matches, 2, 1)).toBe(5);
    expect(nextMatch(matches, 6, 1)).toBe(9);
    expect(nextMatch(matches, 9, 1)).toBe(2);
  });

  it("goes back", () => {
    expect(nextMatch(matches, 5, -1)).toBe(2);
    expect(nextMatch(matches, 6, -1)).toBe(5);
    expect(nextMatch(matches, 2, -1)).toBe(9);
    expect(nextMatch(new Int32Array(0), 2, 1)).toBe(-1);
  });
});
