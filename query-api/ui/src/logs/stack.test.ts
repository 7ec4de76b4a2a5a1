import { expect, it } from "vitest";
import type { HistogramBucket } from "../api/types";
import { stackedSeries } from "./stack";

const none = { trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0, unspecified: 0 };

it("stacks severities from the worst up, draws the highest first and leaves empty ones out", () => {
  const buckets: HistogramBucket[] = [
    { time: "t0", total: 6, ...none, info: 5, error: 1 },
    { time: "t1", total: 2, ...none, error: 2 },
  ];
  expect(stackedSeries(buckets).map(({ label, values, shown }) => ({ label, values, shown }))).toEqual([
    { label: "info", values: [6, 2], shown: [5, 0] },
    { label: "error", values: [1, 2], shown: [1, 2] },
  ]);
});
