import { describe, expect, it } from "vitest";
import {
  fromInputValue,
  isoNanos,
  parseSpanText,
  rangeAround,
  rangeFromQuery,
  rangeToQuery,
  resolveRange,
  shiftInterval,
  toInputValue,
  widenInterval,
} from "./range";

const query = (text: string) => rangeFromQuery(new URLSearchParams(text));

describe("the time range in the URL", () => {
  it("is the last hour when nothing or nonsense is said", () => {
    for (const text of ["", "range=never", "start=1&end=x", "start=9&end=1"]) {
      expect(query(text)).toMatchObject({ kind: "last", seconds: 3600 });
    }
  });

  it("takes a length, or two times to the nanosecond", () => {
    expect(query("range=2d")).toEqual({ kind: "last", text: "2d", seconds: 172_800 });
    const between = { kind: "between", start: 1795373863123456789n, end: 1795373864000000000n } as const;
    const written = rangeToQuery(between);
    expect(
      rangeFromQuery(new URLSearchParams({ start: written.start ?? "", end: written.end ?? "" })),
    ).toEqual(between);
  });

  it("leaves the default out", () => {
    expect(rangeToQuery(query(""))).toEqual({ range: null, start: null, end: null });
  });
});

describe("rangeAround", () => {
  it("is the default for what just happened and an hour about what is older", () => {
    expect(rangeAround(3_000_000_000_000n, 4_000_000)).toEqual({ range: null, start: null, end: null });
    expect(rangeAround(3_600_000_000_000n, 90_000_000)).toEqual({
      range: null,
      start: "1970-01-01T00:30:00.000Z",
      end: "1970-01-01T01:30:00.000Z",
    });
  });
});

describe("intervals", () => {
  it("end now", () => {
    expect(resolveRange(query("range=5m"), 1_000_000)).toEqual({
      start: 700_000_000_000n,
      end: 1_000_000_000_000n,
    });
  });

  it("shift by their length and widen about their middle", () => {
    expect(shiftInterval({ start: 100n, end: 150n }, -1)).toEqual({ start: 50n, end: 100n });
    expect(widenInterval({ start: 100n, end: 200n })).toEqual({ start: 50n, end: 250n });
  });

  it("are written with as many digits as needed", () => {
    expect(isoNanos(1795373863123456789n)).toBe("2026-11-22T18:57:43.123456789Z");
    expect(isoNanos(1795373863120000000n)).toBe("2026-11-22T18:57:43.120Z");
  });

  it("go into an input and back", () => {
    for (const utc of [true, false]) {
      expect(fromInputValue(toInputValue(1795373863000000000n, utc), utc)).toBe(1795373863000000000n);
    }
    expect(fromInputValue("", true)).toBeNull();
    expect(parseSpanText("0m")).toBeNull();
  });
});
