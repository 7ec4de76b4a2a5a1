import { expect, it } from "vitest";
import type { Trace } from "../src/api/types";
import { answer } from "./server.ts";
import { BIG, DEEP } from "./traces.ts";

it("answers every path of the contract", () => {
  const trace = `c${"4".repeat(31)}`;
  for (const path of [
    "services",
    "services/cart",
    "services/cart/operations",
    "services/cart/signals",
    "traces",
    `traces/${trace}`,
    `traces/${trace}/spans/000000000000a009`,
    "logs",
    "logs/histogram",
    "correlations/order-1",
    "dependencies",
    "quarantine",
    "dead-letters",
    "dead-letters/groups",
    `dead-letters/${"0".repeat(32)}`,
    "redrives",
    "ledger",
    "status",
  ]) {
    expect(answer(new URL(`http://x/api/v1/${path}`)).status, path).toBe(200);
  }
  expect(answer(new URL("http://x/api/v1/traces/nothing")).status).toBe(404);
});

it("makes the large and the deep trace", () => {
  const big = answer(new URL(`http://x/api/v1/traces/${BIG}`)).body as Trace;
  const deep = answer(new URL(`http://x/api/v1/traces/${DEEP}`)).body as Trace;
  expect([big.spans.length, big.details, deep.spans.length]).toEqual([50_000, "skeleton", 5_000]);
});
