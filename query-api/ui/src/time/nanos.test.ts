import { describe, expect, it } from "vitest";
import {
  civilTime,
  formatAgo,
  formatDuration,
  formatTime,
  offsetFrom,
  parseDuration,
  parseNanos,
} from "./nanos";

describe("parseNanos", () => {
  it("keeps all nine digits of an RFC 3339 time", () => {
    expect(parseNanos("2026-11-22T18:57:43.123456789Z")).toBe(1795373863123456789n);
    expect(parseNanos("2026-11-22T19:57:43.1+01:00")).toBe(1795373863100000000n);
    expect(parseNanos("1795373863123456789")).toBe(1795373863123456789n);
  });

  it("refuses what is no time", () => {
    expect(parseNanos("")).toBeNull();
    expect(parseNanos("yesterday")).toBeNull();
    expect(parseNanos("2026-13-45T00:00:00Z")).toBeNull();
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0 ns"],
    [999, "999 ns"],
    [1_000, "1 µs"],
    [1_234, "1.23 µs"],
    [12_340_000, "12.3 ms"],
    [123_400_000, "123 ms"],
    [999_999_999, "1 s"],
    [59_940_000_000, "59.9 s"],
    [59_990_000_000, "1 min 00 s"],
    [60_000_000_000, "1 min 00 s"],
    [245_000_000_000, "4 min 05 s"],
    [3_599_700_000_000, "1 h 00 min"],
    [90_000_000_000_000, "1 d 01 h"],
    [-1_500_000, "−1.5 ms"],
  ])("writes %d ns as %s", (ns, text) => expect(formatDuration(ns)).toBe(text));

  it("has a dash for an unknown duration", () => {
    expect(formatDuration(null)).toBe("–");
    expect(formatDuration(Number.NaN)).toBe("–");
  });
});

describe("times", () => {
  it("are exact to the nanosecond in UTC", () => {
    expect(formatTime(1795373863123456789n, "utc", 9)).toBe("2026-11-22 18:57:43.123456789");
    expect(civilTime(-1n, "utc")).toEqual({
      date: "1969-12-31",
      clock: "23:59:59",
      fraction: "999999999",
      zone: "UTC",
    });
  });

  it("do not throw for times no calendar has", () => {
    expect(civilTime(10n ** 30n, "utc").date).toBe("out of range");
  });

  it("are compared exactly, where numbers would round", () => {
    expect(offsetFrom(1795373863123456789n, "1795373863123456790")).toBe(1);
  });

  it("say how long ago", () => {
    expect(formatAgo(0n, 1_000)).toBe("now");
    expect(formatAgo(0n, 90_000)).toBe("90 s ago");
    expect(formatAgo(0n, 7_000_000)).toBe("117 min ago");
    expect(formatAgo(10_000_000_000n, 0)).toBe("in 10 s");
  });
});

describe("parseDuration", () => {
  it("understands units and takes milliseconds without one", () => {
    expect(parseDuration("250us")).toBe(250_000);
    expect(parseDuration(" 1.5 s ")).toBe(1_500_000_000);
    expect(parseDuration("20")).toBe(20_000_000);
    expect(parseDuration("2m")).toBe(120_000_000_000);
  });

  it("refuses the rest", () => {
    expect(parseDuration("fast")).toBeNull();
    expect(parseDuration("-1s")).toBeNull();
  });
});
