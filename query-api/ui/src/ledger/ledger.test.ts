import { expect, test } from "vitest";
import type { LedgerRow } from "../api/types";
import { PARTS, shares, total } from "./columns";

const ROW: LedgerRow = {
  service: "cart",
  signal: "traces",
  created: 1_000_001,
  accepted: 1_000_001,
  stored: 1_000_000,
  sampled_out: 0,
  dropped: 0,
  quarantined: 0,
  dead_lettered: 0,
  in_flight: 0,
  unexplained: 1,
  missing_messages: 0,
  pending_messages: 0,
  duplicated_records: 0,
  dropped_by: [],
  counted_by: "sdk",
};

test("one record in a million is seen, and the parts fill the bar", () => {
  const bars = shares(ROW);
  expect(bars.map((bar) => bar.key)).toEqual(["stored", "unexplained"]);
  expect(bars[1]?.width).toBeGreaterThan(0.5);
  expect(bars.reduce((sum, bar) => sum + bar.width, 0)).toBeCloseTo(100);
  expect(bars[1]?.start).toBeCloseTo(bars[0]?.width ?? 0);
});

test("what is stored too often takes no room, nothing makes no bar", () => {
  expect(shares({ ...ROW, unexplained: -5 }).map((bar) => bar.key)).toEqual(["stored"]);
  expect(shares({ ...ROW, stored: 0, unexplained: 0 })).toEqual([]);
});

test("a total is the sum of its rows in every column", () => {
  const sum = total([ROW, { ...ROW, dropped: 4, created: 1_000_005 }]);
  expect(sum.created).toBe(2_000_006);
  expect(sum.created).toBe(PARTS.reduce((all, { key }) => all + sum[key], 0));
});
